"""Variables that a layer holds in ways that Keras does not track: no file contains their values.

Keras tracks the attributes of a layer, and lists, tuples and dictionaries there. It does not look into
objects of other classes, into functions, or at names of the module in which call() is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import FunctionType, MethodType
from typing import Any

import keras

__all__ = ["find_held_variables", "find_variables", "find_variables_of_code"]

_DEPTH, _MOST_PARTS = 3, 1000
_LIBRARIES = frozenset({"builtins", "jax", "keras", "numpy", "sklearn", "tensorflow", "torch"})
"""Packages into whose objects it is not looked."""
_BOOKKEEPING = frozenset(vars(keras.layers.Layer(name="kcheck")))
"""Attributes of every layer, in which Keras and TensorFlow list what others hold."""


def find_held_variables(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the variables that the attributes of a layer hold, and those that its call() names.

    Each has the name of the attribute or of the variable.
    """
    for name, value in list(vars(layer).items()):
        is_bookkeeping = name in _BOOKKEEPING or name.startswith("_self_")
        for variable in find_variables(value, 0 if is_bookkeeping else _DEPTH):
            yield name, variable
    yield from find_variables_of_code(layer)


def find_variables(value: Any, depth: int = _DEPTH) -> Iterator[Any]:
    """Yield the variables in an attribute: RNN states, a tf.Variable, the counter of a SeedGenerator.

    Also those in an object of the user's, in the closure of a function, or in a container.
    """
    if isinstance(value, keras.random.SeedGenerator):
        yield value.state
    elif _is_variable(value):
        yield value
    elif depth:
        for part in islice(_parts(value), _MOST_PARTS):
            yield from find_variables(part, depth - 1)


def find_variables_of_code(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the variables of the module that the call() of a layer of the user's names, with these names."""
    call = type(layer).call
    if not isinstance(call, FunctionType) or _package(call.__module__) in _LIBRARIES:
        return
    for name in call.__code__.co_names:
        value = call.__globals__.get(name)
        if _is_variable(value):
            yield name, value


def _is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable) or (
        hasattr(value, "assign") and hasattr(value, "numpy") and hasattr(value, "shape")
    )


def _parts(value: Any) -> list[Any]:
    """Return what a container, a function or an object of the user's holds; not what a layer holds."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, MethodType):
        return [] if isinstance(value.__self__, keras.Operation) else [value.__self__]
    if isinstance(value, FunctionType):
        return [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    is_own = _package(type(value).__module__) not in _LIBRARIES and not isinstance(value, keras.Operation)
    return list(vars(value).values()) if is_own and hasattr(value, "__dict__") else []


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # the name has no value yet
        return False


def _package(module: str) -> str:
    return module.partition(".")[0]
