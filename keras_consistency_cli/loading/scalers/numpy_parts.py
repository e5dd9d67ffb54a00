"""Arrays, dtypes and NumPy numbers built from the parts that a file gives.

Each part is checked before NumPy sees it, because NumPy itself would trust a hostile file.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import (
    DamagedError,
    Name,
    NotAllowedError,
    Pending,
    is_plain_value,
)

__all__ = [
    "NDARRAY",
    "Budget",
    "build_array",
    "build_object_array",
    "count_array_bytes",
    "fill_array",
    "fill_dtype",
    "parse_dtype",
]

_MAX_ARRAY_BYTES = 64 << 20
_MAX_ALL_BYTES = 256 << 20
_MAX_DIMENSIONS = 32
_DTYPE = re.compile(r"[<>|=]?([biufSUO]\d{0,6}|\?)")

NDARRAY = Name(module="numpy", name="ndarray")


class Budget:
    """The bytes of all arrays of a file together.

    A file can refer to the same bytes again and again, and each time they are copied.
    """

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, value: Any) -> None:
        """Count the bytes of a new value and refuse more than any scaler needs."""
        self._spent += _count_bytes(value)
        if self._spent > _MAX_ALL_BYTES:
            raise NotAllowedError(f"more than {_MAX_ALL_BYTES >> 20} MiB of arrays")


def _count_bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    return len(value) if isinstance(value, (bytes, bytearray)) else 0


def parse_dtype(value: Any) -> np.dtype[Any]:
    """Return the dtype that a file describes.

    Plain numbers, strings and objects are allowed, nothing structured.
    """
    dtype = value.value if isinstance(value, Pending) else value
    if isinstance(dtype, str):
        if not _DTYPE.fullmatch(dtype):
            raise NotAllowedError(f"an array of dtype '{dtype}'")
        dtype = np.dtype(dtype)
    if not isinstance(dtype, np.dtype):
        raise DamagedError("an array has no dtype")
    if dtype.kind not in "biufSUO" or dtype.fields is not None:
        raise NotAllowedError(f"an array of dtype '{dtype}'")
    return dtype


def build_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Return the array of numbers or strings with exactly these bytes."""
    kind = parse_dtype(dtype)
    count = _count_items(shape)
    if kind.hasobject or order not in ("C", "F") or not isinstance(data, (bytes, bytearray)):
        raise NotAllowedError("an array of something other than plain numbers or strings")
    if kind.itemsize == 0 or count * kind.itemsize != len(data):
        raise DamagedError(f"an array of shape {shape} and dtype {kind} has {len(data)} bytes")
    array = np.frombuffer(data, dtype=kind).reshape(tuple(shape), order=order)
    # A copy owns its memory and may be written to, as an unpickled array may.
    # "K" keeps the memory layout, which changes the rounding of matrix products.
    return array.astype(kind.newbyteorder("="), order="K", copy=True)


def count_array_bytes(dtype: Any, shape: Any) -> int:
    """Return the size of an array, or refuse it if no scaler needs so much."""
    size = _count_items(shape) * parse_dtype(dtype).itemsize
    if size > _MAX_ARRAY_BYTES:
        raise NotAllowedError(
            f"an array of {size} bytes, more than the {_MAX_ARRAY_BYTES >> 20} MiB that a scaler may need"
        )
    return size


def build_object_array(items: Any, shape: Any, order: str = "C") -> np.ndarray:
    """Return the object array of these items.

    They are strings, numbers, or rows of numbers such as bin edges.
    """
    if type(items) is not list or len(items) != _count_items(shape):
        raise DamagedError("the number of items of an object array does not match its shape")
    values = [item.value if isinstance(item, Pending) else item for item in items]
    if not all(_is_plain_item(value) for value in values):
        raise NotAllowedError("an array that holds more than strings and numbers")
    array = np.empty(len(values), dtype=object)
    # One by one: NumPy would turn rows of equal length into a two-dimensional array.
    for position, value in enumerate(values):
        array[position] = value
    return array.reshape(tuple(shape), order="F" if order == "F" else "C")


def _is_plain_item(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return item.ndim == 1 and item.dtype.kind in "biuf"
    return is_plain_value(item)


def _count_items(shape: Any) -> int:
    """The number of items of an array.

    The shape is checked, because a file may give anything in its place.
    """
    if (
        type(shape) is not tuple
        or len(shape) > _MAX_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
    ):
        raise DamagedError("an array has no usable shape")
    return math.prod(shape)


def fill_dtype(pending: Pending, state: Any) -> None:
    """Apply the state of a pickled dtype; plain dtypes use only its byte order."""
    if (
        pending.value is None
        or type(state) is not tuple
        or len(state) not in (8, 9)
        or any(part is not None for part in state[2:5])
    ):
        raise NotAllowedError("a structured dtype")
    if state[1] not in ("<", ">", "|", "="):
        raise DamagedError("a dtype has no byte order")
    base = parse_dtype(pending)
    pending.value = base.newbyteorder(state[1]) if state[1] in ("<", ">") else base


def fill_array(pending: Pending, state: Any) -> None:
    """Apply the state of a pickled array.

    It holds version, shape, dtype, whether the order is Fortran's, and data.
    """
    if pending.value is not None or type(state) is not tuple or len(state) != 5:
        raise DamagedError("an array has no usable state")
    _, shape, dtype, is_fortran, data = state
    order = "F" if is_fortran is True else "C"
    if parse_dtype(dtype).hasobject:
        pending.value = build_object_array(data, shape, order)
        return
    count_array_bytes(dtype, shape)
    content = data.encode("latin-1") if type(data) is str else data
    pending.value = build_array(content, dtype, shape, order)
