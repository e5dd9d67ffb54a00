"""Arithmetic of small integers in 64 bits, beside that of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["ExactIntegers", "find_wrapped"]

_WIDE: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Square": np.square,
    "Cast": np.trunc,
}
"""By kind of operation, the function that gives its exact results for numbers of 64 bits."""
_OVER_AXES: dict[str, Callable[..., Any]] = {"Sum": np.sum, "Prod": np.prod}
_RESHAPING = frozenset({"ExpandDims", "Identity", "Reshape", "Squeeze"})
"""Kinds of operation that give the numbers of their first input in another shape."""


class ExactIntegers:
    """Exact results in place of those that wrap around, from the first one to a cast to a wider dtype.

    `is_complete` says whether every operation in between could be computed in 64 bits.
    """

    def __init__(self) -> None:
        self.is_complete = True
        self._exact: dict[int, tuple[Any, np.ndarray]] = {}
        """By identity, a tensor, which has to stay alive, and its exact numbers."""

    def follow(self, kind: str, inputs: Any, outputs: list[Any]) -> None:
        """Receive an operation of the model, and replace the result of a cast of exact numbers."""
        import tensorflow as tf

        known = [id(each) in self._exact for each in inputs]
        if not any(known):
            found = find_wrapped(kind, inputs, outputs)
            if found is not None:
                self._exact[id(outputs[0])] = (outputs[0], found[0])
            return
        numbers = [self._exact[id(each)][1] if id(each) in self._exact else each for each in inputs]
        exact = _compute_behind(kind, numbers, outputs)
        if exact is None:
            self.is_complete = False
        elif _is_small(outputs[0]):
            self._exact[id(outputs[0])] = (outputs[0], exact)
        else:
            outputs[0] = tf.constant(exact.astype(outputs[0].dtype.as_numpy_dtype))


def _is_small(tensor: Any) -> bool:
    dtype = np.dtype(tensor.dtype.as_numpy_dtype)
    return dtype.kind in "iu" and dtype.itemsize <= 2


def find_wrapped(kind: str, inputs: Any, outputs: list[Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the exact results and which of them do not fit the dtype; None if all do."""
    if len(outputs) != 1 or not _is_small(outputs[0]):
        return None
    dtype = np.dtype(outputs[0].dtype.as_numpy_dtype)
    exact = _compute_exactly(kind, inputs, tuple(outputs[0].shape))
    if exact is None:
        return None
    limits = np.iinfo(dtype)
    wrapped = (exact < limits.min) | (exact > limits.max)
    return (exact, wrapped) if wrapped.any() else None


def _compute_behind(kind: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> np.ndarray | None:
    """Return the results of an operation with exact inputs; None for one that takes its dtype only."""
    if len(outputs) != 1:
        return None
    shape = tuple(outputs[0].shape)
    if kind in _RESHAPING:
        return np.asarray(inputs[0]).reshape(shape)
    if kind == "ConcatV2":
        return np.concatenate([_widen(np.asarray(each)) for each in inputs[:-1]], axis=int(inputs[-1]))
    if kind == "Transpose":
        return np.transpose(np.asarray(inputs[0]), np.asarray(inputs[1]))
    return _compute_exactly(kind, inputs, shape)


def _compute_exactly(kind: str, inputs: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the results of an operation for the same numbers in 64 bits; None for other kinds."""
    if kind not in _WIDE and kind not in _OVER_AXES:
        # Such as the reading of a variable, whose input is no number.
        return None
    numbers = [_widen(np.asarray(each)) for each in inputs]
    if kind in _OVER_AXES and numbers[0].size:
        axes = tuple(int(axis) for axis in np.atleast_1d(numbers[1]))
        return np.asarray(_OVER_AXES[kind](numbers[0], axis=axes)).reshape(shape)
    return np.asarray(_WIDE[kind](*numbers)) if kind in _WIDE else None


def _widen(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)
