"""What a user sends, as far as the annotations of an entry say it: numbers, lists, models with fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from keras_consistency_cli.checks.code.engine.machine import label_of
from keras_consistency_cli.checks.code.values.parts import plus
from keras_consistency_cli.checks.code.values.value import Class, Mark, Scope, Value

__all__ = ["SENT", "sent"]

SENT = Value(kind="request", marks=frozenset({Mark("request")}))
"""What a user sends."""
_NUMBER = replace(SENT, kind="number", rank=0)
_NUMBERS = ("float", "int")
_LISTS = ("list", "List", "Sequence")
_WRAPPERS = ("Optional", "Annotated")
_DEEPEST = 4
"""Models inside each other that are looked at."""


def sent(annotation: ast.expr | None, scope: Scope, depth: int = 0) -> Value:
    """Return what a user sends for a parameter or a field with this annotation."""
    if isinstance(annotation, ast.BinOp):  # float | None
        return sent(annotation.left, scope, depth)
    if isinstance(annotation, ast.Subscript):
        return _generic(annotation, scope, depth)
    name = label_of(annotation) if annotation is not None else ""
    if name in _NUMBERS:
        return _NUMBER
    found = scope.find(name) if name else None
    kind = found.ref if found is not None else None
    if not isinstance(kind, Class) or depth > _DEEPEST:
        return SENT
    fields = ((name, sent(each, kind.scope, depth + 1)) for name, each in _annotated(kind))
    return replace(SENT, entries=tuple(fields))


def _generic(annotation: ast.Subscript, scope: Scope, depth: int) -> Value:
    """list[float], Optional[float], Annotated[float, Query()]."""
    name = label_of(annotation.value)
    inner = annotation.slice
    if name in _WRAPPERS:
        return sent(inner.elts[0] if isinstance(inner, ast.Tuple) else inner, scope, depth)
    rank = plus(sent(inner, scope, depth).rank, 1) if name in _LISTS else None
    return replace(SENT, rank=rank)


def _annotated(kind: Class) -> Iterator[tuple[str, ast.expr]]:
    """The fields of a class and of its parents, with their annotations."""
    for parent in kind.parents:
        yield from _annotated(parent)
    for statement in kind.node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.annotation
