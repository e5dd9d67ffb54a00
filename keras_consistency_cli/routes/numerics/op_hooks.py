"""Hooks on TensorFlow's operations, such as those that make the rounding errors of float32 in float64.

Layers hide what they compute inside: a custom layer may add a large number and subtract it again, or
subtract the square of the mean from the mean of squares. In float64, with every single operation rounded,
the model makes the rounding errors that float32 makes, and no other ones.

A sum is one operation, but it rounds with every number that it adds. Kernels for many rows add in several
parts, whose errors are small. A kernel for a single row, or of another compiler, may add one number after the
other. On the float64 copy that order shows nothing: numbers of 24 bits have exact sums.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import needs_tensorflow
from keras_consistency_cli.routes.numerics.layer_outputs import round_to_float32

__all__ = ["adding_in_sequence", "changing_operations", "needs_operation_hooks", "rounding_operations"]

Change = Callable[[str, Any, list[Any]], None]
"""Gets the kind of an operation, its inputs and its results, which it may change in place."""
_SUMS = frozenset({"Mean", "Sum"})
_FEWEST_ADDED = 3
"""Two numbers can be added in one order only."""


@contextmanager
def rounding_operations() -> Iterator[None]:
    """Round float64 results of all eager operations of this thread to float32."""
    with changing_operations(_round_outputs):
        yield


@contextmanager
def adding_in_sequence() -> Iterator[None]:
    """Compute eager sums and means of float64 in float32, one number after the other.

    No kernel rounds more than that.
    """
    with changing_operations(_add_in_sequence):
        yield


@contextmanager
def changing_operations(change: Change) -> Iterator[None]:
    """Change the results of eager operations; those of compiled functions stay as they are.

    The hooks are those that TensorFlow has for debuggers; if a version has none, or ignores them, nothing is
    changed.
    """
    try:
        hooks: Any = importlib.import_module("tensorflow.python.framework.op_callbacks")
        add, remove = hooks.add_op_callback, hooks.remove_op_callback
    except (ImportError, AttributeError):
        yield
        return
    hook = _Hook(change)
    add(hook)
    try:
        yield
    finally:
        remove(hook)


def needs_operation_hooks(facts: Facts) -> str | None:
    """Return why a route that watches operations is unavailable: only TensorFlow has hooks for them."""
    return needs_tensorflow(facts, "only operations of TensorFlow can be watched")


class _Hook:
    """The hook, which changes the list of results in place.

    Its return value would only count in graphs.
    """

    def __init__(self, change: Change) -> None:
        self._change = change
        self._is_changing = False

    def __call__(
        self,
        kind: Any,
        inputs: Any,
        _attributes: Any,
        outputs: Any,
        *_name: Any,
        graph: Any = None,
        **_more: Any,
    ) -> None:
        # A change is made of operations too, which call this hook again.
        if graph is not None or self._is_changing or not isinstance(outputs, list):
            return
        self._is_changing = True
        try:
            self._change(kind.decode() if isinstance(kind, bytes) else str(kind), inputs, outputs)
        finally:
            self._is_changing = False


def _round_outputs(_kind: str, _inputs: Any, outputs: list[Any]) -> None:
    outputs[:] = [round_to_float32(output) for output in outputs]


def _add_in_sequence(kind: str, inputs: Any, outputs: list[Any]) -> None:
    import tensorflow as tf

    if kind not in _SUMS or inputs[0].dtype != tf.float64:
        return
    added = _add_over_axes(inputs[0].numpy(), inputs[1].numpy())
    if added is not None:
        outputs[0] = tf.constant(added[kind].reshape(outputs[0].shape))


@np.errstate(over="ignore", invalid="ignore")
def _add_over_axes(values: np.ndarray, axes: np.ndarray) -> Mapping[str, np.ndarray] | None:
    """Return the sum and the mean over axes, added up in float32; None if there is nothing to add."""
    added = sorted({int(axis) % values.ndim for axis in np.atleast_1d(axes)})
    count = math.prod(values.shape[axis] for axis in added)
    if not values.size or count < _FEWEST_ADDED:
        return None
    kept = [axis for axis in range(values.ndim) if axis not in added]
    numbers = values.transpose(*kept, *added).reshape(*(values.shape[axis] for axis in kept), -1)
    total = np.cumsum(numbers, axis=-1, dtype=np.float32)[..., -1].astype(np.float64)
    return {"Sum": total, "Mean": total / count}
