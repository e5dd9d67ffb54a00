"""The layers that Keras saves: what its walk through a model visits, and what it cannot reach.

Keras writes the variables of every layer that it finds in the attributes of the model and of its layers, and
in lists, tuples and dicts there. It skips attributes with the names that its own classes use, and it looks
into no other object.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
from keras.src.saving import saving_lib
from keras.src.saving.keras_saveable import KerasSaveable
from keras.src.utils import naming

from keras_consistency_cli.loading.model.layer_walk import (
    creation_order,
    is_keras_class,
    is_keras_method,
    walk_layers,
)
from keras_consistency_cli.text import clean

__all__ = [
    "FoundLayer",
    "LoadedState",
    "find_layers",
    "find_saved_layers",
    "order_variables",
    "own_weights",
]

_CONTAINERS = (list, tuple, dict)
"""What Keras looks into when it saves."""
_MAX_DEPTH = 5
_OF_TENSORFLOW = "_self_"
"""The beginning of attributes in which TensorFlow tracks the same objects again."""
_LIBRARIES = frozenset({"builtins", "keras", "numpy", "tensorflow", "jax", "torch", "collections"})


@dataclass(frozen=True, kw_only=True)
class FoundLayer:
    """A layer, and the attribute of the layer or model around it that leads there.

    `holder` is the class of the object, set or function inside the attribute that Keras does not look into,
    "" if there is none.
    """

    layer: Any
    path: str
    owner: str
    attribute: str
    holder: str = ""


@dataclass(frozen=True, kw_only=True)
class LoadedState:
    """A model directly after loading.

    `variables` are those that it had, `absent` those of layers that have no weights in the file. `stored` are
    the groups of the weights file that contain weights, such as "layers/dense".
    """

    variables: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    stored: frozenset[str] = frozenset()
    kept: tuple[Any, ...] = field(default=(), repr=False)
    """The variables themselves, so that none of their identities is used again."""

    @classmethod
    def of(cls, model: Any, stored: Collection[str]) -> LoadedState:
        """Return the state of a model that was just loaded.

        Args:
            model: the model; nothing of it has run.
            stored: the groups of the weights file that contain weights.
        """
        saved = find_saved_layers(model).values()
        absent = {
            id(variable)
            for layer, group in saved
            if group not in stored and is_keras_method(type(layer), "save_own_variables")
            for variable in own_weights(layer)
        }
        # Keras also saves layers that it does not track; model.variables does not have their weights.
        untracked = (variable for layer, _ in saved for variable in own_weights(layer))
        variables = (*model.variables, *untracked)
        return cls(
            variables=frozenset(map(id, variables)),
            absent=frozenset(absent),
            stored=frozenset(stored),
            kept=variables,
        )


def own_weights(layer: Any) -> list[Any]:
    """Return the weights that the layer created itself, without those of layers inside it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def find_saved_layers(model: Any) -> dict[int, tuple[Any, str]]:
    """Return by identity each layer that Keras saves, with its group in the weights file."""
    visited: set[int] = set()
    layers: dict[int, tuple[Any, str]] = {}
    stack: list[tuple[Any, str]] = [(model, "")]
    while stack:
        node, group = stack.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, keras.layers.Layer):
            layers[id(node)] = (node, group)
        stack.extend(reversed(list(_children(node, group))))
    return layers


def _children(node: Any, group: str) -> Iterator[tuple[Any, str]]:
    """The objects that Keras visits next, as in its own module saving_lib."""
    if isinstance(node, KerasSaveable):
        named = [(name, child) for name, child in saving_lib._walk_saveable(node)]
    else:
        named = list(_entries(node))
    for name, child in named:
        if isinstance(child, (KerasSaveable, *_CONTAINERS)):
            yield child, f"{group}/{name}" if group else name


def _entries(container: Any) -> Iterator[tuple[str, Any]]:
    used: dict[str, int] = {}
    for child in container.values() if isinstance(container, dict) else container:
        if isinstance(child, (KerasSaveable, *_CONTAINERS)):
            is_saveable = isinstance(child, KerasSaveable)
            name = naming.to_snake_case(type(child).__name__) if is_saveable else "container"
            number = used[name] = used.get(name, -1) + 1
            yield (f"{name}_{number}" if number else name), child


def find_layers(model: Any) -> Iterator[FoundLayer]:
    """Yield every layer inside `model` once, wherever custom classes keep it."""
    visited = {id(model)}
    owners: list[tuple[Any, str]] = [(model, "")]
    while owners:
        owner, path = owners.pop(0)
        for attribute, holder, layer in _layers_of(owner):
            if id(layer) in visited:
                continue
            visited.add(id(layer))
            inner = f"{path}/{clean(layer.name)}" if path else clean(layer.name)
            owners.append((layer, inner))
            yield FoundLayer(
                layer=layer,
                path=inner,
                owner=f"'{path}' ({clean(type(owner).__name__)})" if path else "the model",
                attribute=clean(attribute),
                holder=clean(holder),
            )


def order_variables(model: Any) -> list[Any]:
    """Return the variables of a model in an order that those of a copy have too.

    It is that of `model.variables`, except for layers in a set, whose order depends on the memory: their
    variables come in the order in which they were created.
    """
    variables: list[Any] = list(model.variables)
    if all(is_keras_class(type(layer)) for layer in (model, *(layer for _, layer in walk_layers(model)))):
        return variables  # Keras itself keeps no layers in sets
    in_sets: list[Any] = []
    sets: tuple[str, ...] = ()
    for found in find_layers(model):
        if found.holder == "set" or found.path.startswith(sets):
            sets = (*sets, f"{found.path}/")
            in_sets += own_weights(found.layer)
    tracked, moved = set(map(id, variables)), set(map(id, in_sets))
    created = (variable for variable in in_sets if id(variable) in tracked)
    return [next(created) if id(variable) in moved else variable for variable in variables]


def _layers_of(owner: Any) -> Iterator[tuple[str, str, Any]]:
    """The layers that a layer keeps: attribute, class of the object that hides it, layer.

    The list in which Keras tracks layers comes last, so that an attribute of the class goes before it.
    """
    is_stock = is_keras_class(type(owner))
    attributes = {name: value for name, value in vars(owner).items() if not name.startswith(_OF_TENSORFLOW)}
    for name in sorted(attributes, key=lambda name: (name == "_layers", name)):
        for holder, layer in _search(attributes[name], "", 0, is_stock=is_stock):
            yield name, holder, layer


def _search(value: Any, holder: str, depth: int, *, is_stock: bool) -> Iterator[tuple[str, Any]]:
    """The layers inside one value; what Keras does not look into becomes the holder."""
    if isinstance(value, keras.layers.Layer):
        yield holder, value
    elif depth < _MAX_DEPTH:
        inside, name = _contents(value, is_stock=is_stock)
        for child in inside:
            yield from _search(child, holder or name, depth + 1, is_stock=is_stock)


def _contents(value: Any, *, is_stock: bool) -> tuple[list[Any], str]:
    """The objects inside a value, and its class if Keras does not look into it."""
    if isinstance(value, _CONTAINERS):
        return list(value.values() if isinstance(value, dict) else value), ""
    if isinstance(value, set | frozenset):
        return sorted(value, key=creation_order), "set"
    if is_stock and not isinstance(value, types.FunctionType):
        return [], ""
    if isinstance(value, types.FunctionType):
        cells = value.__closure__ or ()
        return [cell.cell_contents for cell in cells if not _is_empty(cell)], "function"
    if type(value).__name__ == "deque":
        return list(value), "deque"
    if type(value).__module__.split(".")[0] in _LIBRARIES or isinstance(value, type | types.ModuleType):
        return [], ""
    return list(getattr(value, "__dict__", {}).values()), type(value).__name__


def _is_empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is None
    except ValueError:
        return True
