"""The names that a program gives to objects, and to what keeps them: variables, attributes, keys."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from keras_consistency_cli.checks.code.values.value import (
    Class,
    Instance,
    Scope,
    Thing,
    Value,
    merge_marks,
)

__all__ = ["dictionary", "fields_of", "library_name", "name_thing"]


def name_thing(value: Value, name: str, where: str = "", *, holder: str = "", code: str = "") -> None:
    """Give an object the name of a variable, an attribute or a key, and what it keeps the name of its holder.

    Args:
        value: what gets the name.
        name: the name.
        where: the function of a variable, or "." for an attribute and "[]" for a key.
        holder: the name of the dictionary whose key it is.
        code: the name as the program writes it, if it outlives the function.
    """
    if value.entries:
        _hold(list(dict(value.entries).values()), name, "object" if value.kind == "fields" else "dict")
    elif isinstance(value.ref, Instance) and value.ref.kind.find("__init__") is None:
        _hold(list(value.ref.attributes.values()), name, "object")
    elif isinstance(value.ref, Thing):
        _name(value.ref, name, where, holder, code)


def _name(thing: Thing, name: str, where: str, holder: str, code: str) -> None:
    thing.names.add((where, name))
    if holder:
        thing.holders[holder] = "item"
    is_first = not thing.label or thing.label in ("load", thing.name)
    if is_first:
        thing.label = name
    if code or is_first:
        thing.code = code or name


def _hold(parts: list[Value], name: str, kind: str) -> None:
    for part in parts:
        if isinstance(part.ref, Thing):
            part.ref.holders[name] = kind


def dictionary(entries: Mapping[str, Value], values: Sequence[Value], *, is_complete: bool) -> Value:
    """Return a dictionary that is written out: what is true of a value in it is true of the whole.

    Args:
        entries: the values under keys that are written out.
        values: all values.
        is_complete: whether all keys are written out.
    """
    for name, value in entries.items():
        name_thing(value, name, "[]")
        if value.thing is not None:
            value.thing.holders.setdefault("", "dict")
    known = [value for value in values if value.kind in ("model", "transformer", "loaded")]
    base = known[0] if known else Value(kind="dict")
    return Value(
        kind=base.kind,
        ref=base.ref,
        marks=merge_marks(values),
        items=tuple(Value(kind="const", ref=name) for name in entries) if is_complete else None,
        entries=tuple((name, value.as_entry()) for name, value in entries.items()),
    )


def fields_of(kind: Class) -> list[str]:
    """Return the annotated fields of a class, in their order: of a dataclass, a NamedTuple, a BaseModel."""
    found = [name for parent in kind.parents for name in fields_of(parent)]
    targets = (statement.target for statement in kind.node.body if isinstance(statement, ast.AnnAssign))
    return [*found, *(target.id for target in targets if isinstance(target, ast.Name))]


def library_name(dotted: str, scope: Scope) -> str:
    """Return the whole name of what was imported: "ray.serve.batch" for serve.batch; others as they are."""
    first, dot, rest = dotted.partition(".")
    found = scope.find(first)
    return f"{found.text}{dot}{rest}" if found is not None and found.kind == "name" else dotted
