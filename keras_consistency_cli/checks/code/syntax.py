"""What the form of a piece of source code says, without any value."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

__all__ = [
    "always_leaves",
    "asks_for_existence",
    "captured_names",
    "catches_missing",
    "compared_orders",
    "dictionary_of",
    "is_column",
    "is_counted",
    "is_ellipsis",
    "is_new_axis",
    "is_reversed",
    "is_single",
    "is_window",
    "names_columns",
    "returns_value",
]

_AXES_OF_TABLE = 2


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


_MISSING = frozenset({"KeyError", "IndexError", "LookupError", "AttributeError", "NameError"})


def catches_missing(handler: ast.ExceptHandler) -> bool:
    """Whether a handler runs if something does not exist yet: except KeyError."""
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in _MISSING for each in types)


def compared_orders(test: ast.expr, is_true: bool) -> Iterator[ast.expr]:
    """Yield the dictionaries whose keys are in a known order if a condition is true, or false.

    list(data) == NAMES says so if it is true, list(data) != NAMES if it is false.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from compared_orders(test.operand, not is_true)
    elif isinstance(test, ast.BoolOp):
        for each in test.values if isinstance(test.op, ast.And if is_true else ast.Or) else ():
            yield from compared_orders(each, is_true)
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq if is_true else ast.NotEq):
        yield from (found for side in (test.left, *test.comparators) if (found := _keys_in_order(side)))


def _keys_in_order(node: ast.expr) -> ast.expr | None:
    """The dictionary of list(data), tuple(data.keys()) or [*data], None of anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple"):
        inner = node.args[0] if len(node.args) == 1 else None
    elif isinstance(node, ast.List | ast.Tuple) and len(node.elts) == 1:
        inner = node.elts[0].value if isinstance(node.elts[0], ast.Starred) else None
    else:
        return None
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "keys":
        inner = inner.func.value
    return inner if isinstance(inner, ast.Name | ast.Attribute) else None


def always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends with return, raise, continue, break, or with abort() of a web framework."""
    last = body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    if isinstance(call, ast.Call):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        return name in ("abort", "exit")
    return isinstance(last, ast.Return | ast.Raise | ast.Continue | ast.Break)


def dictionary_of(generator: ast.comprehension, element: ast.expr) -> ast.expr | None:
    """Return the dictionary whose values a comprehension takes, one after another, None if it takes none:
    [float(v) for k, v in data.items()], [float(data[k]) for k in data].
    """
    source, target = generator.iter, generator.target
    called = source.func if isinstance(source, ast.Call) else None
    method = called.attr if isinstance(called, ast.Attribute) else ""
    if method in ("items", "keys") and isinstance(called, ast.Attribute):
        source = called.value
    if method == "items":
        value = target.elts[-1] if isinstance(target, ast.Tuple) else None
        names = {node.id for node in ast.walk(element) if isinstance(node, ast.Name)}
        return source if isinstance(value, ast.Name) and value.id in names else None
    whole = ast.dump(source)
    found = (node for node in ast.walk(element) if isinstance(node, ast.Subscript))
    is_taken = any(_is_same(node.slice, target) and ast.dump(node.value) == whole for node in found)
    return source if is_taken else None


def _is_same(key: ast.expr, target: ast.expr) -> bool:
    return isinstance(key, ast.Name) and isinstance(target, ast.Name) and key.id == target.id


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


def is_column(index: ast.Tuple) -> bool:
    """Whether an index takes one number of each row: x[:, 0], x[..., 1]."""
    first, *rest = index.elts or [index]
    keeps_rows = is_ellipsis(first) or (isinstance(first, ast.Slice) and not is_single(first))
    others = ast.Slice | ast.List | ast.Tuple
    return keeps_rows and any(
        not (isinstance(each, others) or is_new_axis(each) or is_ellipsis(each)) for each in rest
    )


def names_columns(node: ast.Subscript) -> bool:
    """Whether an index takes columns of a table by their names: frame.loc[:, ["age", "income"]]."""
    is_located = isinstance(node.value, ast.Attribute) and node.value.attr in ("loc", "at")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    return is_located and len(parts) == _AXES_OF_TABLE and not isinstance(parts[1], ast.Slice)


def is_counted(test: ast.expr) -> bool:
    """Whether a `while` ends when a number is reached: while i < len(rows)."""
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)


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
    is_open = None in limits or all(isinstance(limit, ast.Constant) for limit in limits)
    return not is_open and not is_single(node)


def is_single(node: ast.expr) -> bool:
    """Whether a slice takes one item: x[:1], x[i : i + 1], x[-1:]."""
    if not isinstance(node, ast.Slice):
        return False
    (lower, first), (upper, last) = _limit(node.lower), _limit(node.upper)
    return lower == upper and last - first == 1


def _limit(node: ast.expr | None) -> tuple[str, int]:
    """The limit of a slice as something unknown and a number that is added to it: i + 1."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        amount = _number(node.right)
        if amount is not None:
            return ast.dump(node.left), amount if isinstance(node.op, ast.Add) else -amount
    if node is None:
        return "", 0
    amount = _number(node)
    return ("", amount) if amount is not None else (ast.dump(node), 0)


def _number(node: ast.expr) -> int | None:
    """A whole number that is written out, None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        amount = _number(node.operand)
        return None if amount is None else -amount
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None
