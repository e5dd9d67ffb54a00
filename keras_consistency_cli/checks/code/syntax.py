"""What the form of a piece of source code says, without any value."""

from __future__ import annotations

import ast

__all__ = [
    "asks_for_existence",
    "captured_names",
    "is_ellipsis",
    "is_new_axis",
    "is_reversed",
    "is_window",
    "returns_value",
]


def returns_value(node: ast.If) -> bool:
    """Whether a branch returns something, so that the rest of the block is the other branch."""
    last = node.body[-1]
    return isinstance(last, ast.Return) and last.value is not None and not node.orelse


def asks_for_existence(test: ast.expr) -> bool:
    """Whether a condition asks if something exists already: `model is None`, `key not in cache`, `not x`."""
    if isinstance(test, ast.BoolOp):
        return any(map(asks_for_existence, test.values))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return isinstance(test.operand, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    if isinstance(test, ast.Compare):
        is_none = any(isinstance(each, ast.Constant) and each.value is None for each in test.comparators)
        return is_none or any(isinstance(op, ast.NotIn) for op in test.ops)
    return False


def captured_names(pattern: ast.pattern) -> list[str]:
    """Return the names that a pattern of a `case` binds."""
    return [
        name
        for node in ast.walk(pattern)
        if isinstance(node, ast.MatchAs | ast.MatchStar) and (name := node.name)
    ]


def is_new_axis(node: ast.expr) -> bool:
    """Whether an index adds an axis: None or np.newaxis."""
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Attribute) and node.attr == "newaxis"


def is_ellipsis(node: ast.expr) -> bool:
    """Whether an index is `...`."""
    return isinstance(node, ast.Constant) and node.value is ...


def is_reversed(node: ast.Slice) -> bool:
    """Whether a slice has a negative step: x[::-1]."""
    step = node.step
    return isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub)


def is_window(node: ast.expr) -> bool:
    """Whether a slice takes some steps of a series: x[i : i + 60]."""
    limits = (node.lower, node.upper) if isinstance(node, ast.Slice) else (None,)
    return None not in limits and not all(isinstance(limit, ast.Constant) for limit in limits)
