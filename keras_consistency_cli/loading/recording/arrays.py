"""What a model takes and returns, as arrays by name. Nothing is imported that the service did not import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.recording_layout import LONE

__all__ = ["Arrays", "UnrecordableError", "copy_arrays", "count_rows", "first_rows", "shapes_of"]

Arrays = dict[str, npt.NDArray[Any]]
_KINDS = "biufSU"


class UnrecordableError(ValueError):
    """Values that cannot be stored row for row."""


def copy_arrays(values: object, names: Sequence[str] = ()) -> Arrays:
    """Return copies of the arrays by name, so that the service may change its own.

    Args:
        values: an array or tensor, a table, numbers in lists, or a list or mapping of arrays.
        names: the names of arrays in a list.

    Raises:
        UnrecordableError: no arrays of numbers or texts with rows, or arrays of different lengths.
    """
    arrays = {name: _copy(value) for name, value in _named(values, names)}
    if not arrays or len({len(array) for array in arrays.values()}) != 1:
        raise UnrecordableError("arrays with different numbers of rows")
    return arrays


def _named(values: object, names: Sequence[str]) -> list[tuple[str, object]]:
    if isinstance(values, Mapping):
        return [(str(name), value) for name, value in values.items()]
    if isinstance(values, list | tuple) and values and all(hasattr(value, "shape") for value in values):
        if len(values) == 1:
            return [(LONE, values[0])]
        known = len(names) == len(values)
        return [(names[n] if known else f"array_{n}", value) for n, value in enumerate(values)]
    return [(LONE, values)]


def _copy(value: object) -> npt.NDArray[Any]:
    if not hasattr(value, "__array__") and not isinstance(value, list | tuple):
        raise UnrecordableError(f"{type(value).__name__} is not an array")
    array = np.array(value)
    if array.ndim == 0 or array.dtype.kind not in _KINDS or not array.size:
        raise UnrecordableError(f"an array of dtype {array.dtype} and shape {array.shape}")
    return array


def count_rows(arrays: Arrays) -> int:
    """Return the number of rows."""
    return len(next(iter(arrays.values())))


def first_rows(arrays: Arrays, count: int) -> Arrays:
    """Return the first rows, as copies that keep no more memory than they need."""
    if count_rows(arrays) <= count:
        return arrays
    return {name: array[:count].copy() for name, array in arrays.items()}


def shapes_of(arrays: Arrays) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """Return what must be equal for rows to be stored in one array: names, shapes of a row and kinds."""
    return tuple((name, array.shape[1:], array.dtype.kind) for name, array in arrays.items())
