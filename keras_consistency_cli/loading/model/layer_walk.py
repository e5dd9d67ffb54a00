"""The layers inside a model, in an order that does not depend on the memory, and whose code they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from keras_consistency_cli.loading.hints.layer_hints import keras_class_names
from keras_consistency_cli.loading.model.graph_walk import functional_graph
from keras_consistency_cli.text import clean

__all__ = ["creation_order", "has_own_code", "is_keras_class", "is_keras_method", "walk_layers"]

_HOLDING_CODE = frozenset(
    {
        *("Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"),
        *("WhileLoop", "ForiLoop", "Cond", "Switch", "Map", "Scan", "AssociativeScan", "VectorizedMap"),
    }
)
"""Classes of Keras whose objects run code that they are given."""


def walk_layers(model: Any, prefix: str = "", visited: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield every layer inside `model` once, depth first, with its path: "encoder/dense_1".

    The order is that in which Keras tracks the layers; those of a set come in the order of their creation.
    """
    visited = set() if visited is None else visited
    for layer in _tracked_layers(model):
        if id(layer) in visited or not isinstance(layer, keras.layers.Layer):
            continue
        visited.add(id(layer))
        path = f"{prefix}{clean(layer.name)}"
        yield path, layer
        yield from walk_layers(layer, f"{path}/", visited)


def creation_order(child: Any) -> tuple[str, int]:
    """Return a key that sorts layers by creation.

    It is the name without its number, and the number: Keras counts layers without a name as they are created.
    """
    name = str(getattr(child, "name", ""))
    base = name.rstrip("0123456789")
    return base.rstrip("_"), int(name[len(base) :] or 0)


def is_keras_class(kind: type) -> bool:
    """Whether the class is one of Keras itself."""
    return kind.__module__.startswith("keras.")


def has_own_code(model: Any) -> bool:
    """Whether code that is not of Keras itself may run in a model: in its layers, or in its graph."""
    parts = [model, *(layer for _, layer in walk_layers(model))]
    graphs = [graph for part in parts if (graph := functional_graph(part)) is not None]
    operations = [*parts, *(operation for graph in graphs for operation in graph.operations)]
    return any(
        not is_keras_class(type(each)) or _HOLDING_CODE & set(keras_class_names(each)) for each in operations
    )


def is_keras_method(kind: type, method: str) -> bool:
    """Whether a class uses the method of Keras, so that no class of the user overrides it."""
    owner = next((base for base in kind.__mro__ if method in vars(base)), object)
    return is_keras_class(owner) or owner is object


def _tracked_layers(layer: Any) -> list[Any]:
    """The layers that Keras tracks in a layer; Keras adds those of a set in the order of the memory."""
    tracked = list(getattr(layer, "_layers", ()))
    if is_keras_class(type(layer)):
        return tracked  # Keras itself keeps no layers in sets
    sets = (value for value in vars(layer).values() if isinstance(value, set | frozenset))
    members = {id(member) for value in sets for member in value}
    in_sets = [child for child in tracked if id(child) in members]
    ordered = iter(sorted(in_sets, key=creation_order))
    return [next(ordered) if id(child) in members else child for child in tracked]
