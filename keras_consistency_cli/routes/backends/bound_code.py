"""Find layers whose own code names a backend, so that it runs on no other one."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, TypedDict

__all__ = ["BoundLayer", "find_bound_layers"]

_BACKENDS = frozenset({"tensorflow", "jax", "torch"})


class BoundLayer(TypedDict):
    """A layer and the backend that its code names."""

    layer: str
    kind: str
    uses: str


def find_bound_layers(model: Any) -> list[BoundLayer]:
    """Return the layers with code of their own that names a backend."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    return [
        {"layer": path, "kind": type(layer).__name__, "uses": backend}
        for path, layer in walk_layers(model)
        for backend in dict.fromkeys(_named_backends(type(layer)))
    ]


def _named_backends(kind: type) -> Iterator[str]:
    from keras_consistency_cli.loading.model.layer_walk import is_keras_class

    for owner in kind.__mro__:
        # Keras's own layers inherit from classes of the backend in use.
        if is_keras_class(owner) or owner is object or owner.__module__.partition(".")[0] in _BACKENDS:
            continue
        for function in vars(owner).values():
            if isinstance(function, types.FunctionType):
                yield from _named_in(function)


def _named_in(function: types.FunctionType) -> Iterator[str]:
    """The backends that are imported in a function, or that a name from outside it is from."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    outer = {name: cell.cell_contents for name, cell in cells if name != "__class__"}
    for name in (*function.__code__.co_names, *outer):
        value = outer.get(name, function.__globals__.get(name))
        module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")
        root = str(module or name).partition(".")[0]
        if root in _BACKENDS:
            yield root
