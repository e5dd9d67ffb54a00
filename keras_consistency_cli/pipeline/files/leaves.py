"""Leaves of settings and reports: change values at any depth, and copy only what holds a changed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["list_leaves", "replace_leaves"]

_Tree = TypeVar("_Tree")


def replace_leaves(tree: _Tree, change: Callable[[Any], Any]) -> _Tree:
    """Return settings, dataclasses, mappings and sequences with other values inside.

    Args:
        tree: the whole; it stays as it is.
        change: takes a value without parts; returns it, or what replaces it.
    """
    parts = _parts(tree)
    if parts is None:
        changed: _Tree = change(tree)
        return changed
    new = {key: replace_leaves(part, change) for key, part in parts.items()}
    differing = {key: part for key, part in new.items() if part is not parts[key]}
    return _with_parts(tree, differing) if differing else tree


def list_leaves(tree: object) -> list[Any]:
    """Return the values without parts, in their order."""
    parts = _parts(tree)
    return [tree] if parts is None else [leaf for part in parts.values() for leaf in list_leaves(part)]


def _parts(tree: object) -> Mapping[Any, Any] | None:
    if isinstance(tree, BaseModel):
        return {name: getattr(tree, name) for name in type(tree).model_fields}
    if is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in fields(tree)}
    if isinstance(tree, list | tuple):
        return dict(enumerate(tree))
    return tree if isinstance(tree, Mapping) else None


def _with_parts(tree: Any, parts: Mapping[Any, Any]) -> Any:
    if isinstance(tree, BaseModel):
        return tree.model_copy(update=dict(parts))
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **parts)
    if isinstance(tree, Mapping):
        return {**tree, **parts}
    values = [parts.get(place, value) for place, value in enumerate(tree)]
    return type(tree)._make(values) if hasattr(tree, "_make") else type(tree)(values)
