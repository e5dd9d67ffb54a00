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
_NUMBERS = frozenset(
    {"float", "int", "Decimal", "confloat", "conint", "condecimal", "FiniteFloat", "StrictFloat", "StrictInt"}
    | {
        f"{sign}{kind}"
        for sign in ("Positive", "Negative", "NonNegative", "NonPositive")
        for kind in ("Float", "Int")
    }
)
"""Numbers of Python and of pydantic."""
_TABLE = replace(SENT, kind="frame", rank=2)
_TABLES = ("DataFrame",)
_LISTS = ("list", "List", "Sequence")
_WRAPPERS = ("Optional", "Annotated")


def sent(annotation: ast.expr | None, scope: Scope) -> Value:
    """Return what a user sends for a parameter with this annotation."""
    return _sent(annotation, scope, {})


def _sent(annotation: ast.expr | None, scope: Scope, known: dict[Class, Value]) -> Value:
    if isinstance(annotation, ast.BinOp):  # float | None
        return _sent(annotation.left, scope, known)
    if isinstance(annotation, ast.Subscript):
        return _generic(annotation, scope, known)
    name = label_of(annotation) if annotation is not None else ""
    if name in _NUMBERS:
        return _NUMBER
    if name in _TABLES:
        return _TABLE
    found = scope.find(name) if name else None
    kind = found.ref if found is not None else None
    return _model(kind, known) if isinstance(kind, Class) else SENT


def _model(kind: Class, known: dict[Class, Value]) -> Value:
    """An object with the fields of a class; a class inside itself is not looked at again."""
    if kind not in known:
        known[kind] = SENT
        fields = ((name, _sent(each, kind.scope, known).as_entry()) for name, each in _annotated(kind))
        known[kind] = replace(SENT, ref=kind, entries=tuple(fields))
    return known[kind]


def _generic(annotation: ast.Subscript, scope: Scope, known: dict[Class, Value]) -> Value:
    """list[float], Optional[float], Annotated[float, Query()]."""
    name = label_of(annotation.value)
    inner = annotation.slice
    if name in _WRAPPERS:
        first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
        return _sent(first, scope, known)
    rank = plus(_sent(inner, scope, known).rank, 1) if name in _LISTS else None
    return replace(SENT, rank=rank)


def _annotated(kind: Class) -> Iterator[tuple[str, ast.expr]]:
    """The fields of a class and of its parents, with their annotations."""
    for parent in kind.parents:
        yield from _annotated(parent)
    for statement in kind.node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.annotation
