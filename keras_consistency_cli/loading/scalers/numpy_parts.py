"""Arrays, dtypes and NumPy numbers rebuilt from the parts that a file gives, each part checked before NumPy sees it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, Name, NotAllowedError, Pending

__all__ = [
    "CONSTRUCTORS",
    "NDARRAY",
    "Budget",
    "array_bytes",
    "array_from",
    "dtype_of",
    "fill_array",
    "fill_dtype",
    "object_array",
]

_MAX_ARRAY_BYTES = 64 << 20
_MAX_ALL_BYTES = 256 << 20
_MAX_DIMENSIONS = 32
_DTYPE = re.compile(r"[<>|=]?([biufSUO]\d{0,6}|\?)")

NDARRAY = Name(module="numpy", name="ndarray")


class Budget:
    """Bytes of all arrays of a file together: it can name the same bytes again and again, and every time they are copied."""

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, made: Any) -> None:
        """Count what was made, refusing more than any scaler needs."""
        self._spent += (
            made.nbytes
            if isinstance(made, np.ndarray)
            else len(made)
            if isinstance(made, (bytes, bytearray))
            else 0
        )
        if self._spent > _MAX_ALL_BYTES:
            raise NotAllowedError(f"more than {_MAX_ALL_BYTES >> 20} MiB of arrays")


def dtype_of(value: Any) -> np.dtype[Any]:
    """Return the dtype that a file meant: a plain one of numbers, strings or objects, nothing structured."""
    found = value.value if isinstance(value, Pending) else value
    if isinstance(found, str):
        if not _DTYPE.fullmatch(found):
            raise NotAllowedError(f"an array of dtype '{found}'")
        found = np.dtype(found)
    if not isinstance(found, np.dtype):
        raise DamagedError("an array has no dtype")
    if found.kind not in "biufSUO" or found.fields is not None:
        raise NotAllowedError(f"an array of dtype '{found}'")
    return found


def array_from(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Return the array of numbers or strings whose bytes are exactly `data`, in C or F order."""
    kind = dtype_of(dtype)
    count = _count(shape)
    if kind.hasobject or order not in ("C", "F") or not isinstance(data, (bytes, bytearray)):
        raise NotAllowedError("an array that is not plain numbers or strings")
    if kind.itemsize == 0 or count * kind.itemsize != len(data):
        raise DamagedError(f"an array of shape {shape} and dtype {kind} comes with {len(data)} bytes")
    array = np.frombuffer(data, dtype=kind).reshape(tuple(shape), order=order)
    # A copy owns its memory and may be written to, as an unpickled array may; "K" keeps the layout that matrix products depend on.
    return array.astype(kind.newbyteorder("="), order="K", copy=True)


def array_bytes(dtype: Any, shape: Any) -> int:
    """Return how many bytes an array of this dtype and shape takes, refusing more than any scaler needs."""
    size = _count(shape) * dtype_of(dtype).itemsize
    if size > _MAX_ARRAY_BYTES:
        raise NotAllowedError(
            f"an array of {size} bytes, more than the {_MAX_ARRAY_BYTES >> 20} MiB that a scaler may need"
        )
    return size


def object_array(items: Any, shape: Any, order: str = "C") -> np.ndarray:
    """Return the object array of these strings and numbers, or of plain rows of numbers, as edges of bins are; anything else in it is refused."""
    if type(items) is not list or len(items) != _count(shape):
        raise DamagedError("an object array has not as many items as its shape says")
    known = [item.value if isinstance(item, Pending) else item for item in items]
    if not all(_is_plain(item) for item in known):
        raise NotAllowedError("an array that holds more than strings and numbers")
    array = np.empty(len(known), dtype=object)
    # One by one: rows of one length would be taken for a table.
    for at, item in enumerate(known):
        array[at] = item
    return array.reshape(tuple(shape), order="F" if order == "F" else "C")


def _is_plain(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return item.ndim == 1 and item.dtype.kind in "biuf"
    return type(item) in (str, bytes, int, float, bool, type(None)) or isinstance(item, np.generic)


def _count(shape: Any) -> int:
    if (
        type(shape) is not tuple
        or len(shape) > _MAX_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
    ):
        raise DamagedError("an array has no usable shape")
    count = 1
    for size in shape:
        count *= size
    return count


def fill_dtype(pending: Pending, state: Any) -> None:
    """Apply a pickled dtype's state, of which plain dtypes use the byte order only."""
    if (
        pending.value is None
        or type(state) is not tuple
        or len(state) not in (8, 9)
        or any(part is not None for part in state[2:5])
    ):
        raise NotAllowedError("a structured dtype")
    if state[1] not in ("<", ">", "|", "="):
        raise DamagedError("a dtype has no byte order")
    base = dtype_of(pending)
    pending.value = base.newbyteorder(state[1]) if state[1] in ("<", ">") else base


def fill_array(pending: Pending, state: Any) -> None:
    """Apply a pickled array's state: version, shape, dtype, whether in Fortran order, data."""
    if pending.value is not None or type(state) is not tuple or len(state) != 5:
        raise DamagedError("an array has no usable state")
    _, shape, dtype, fortran, data = state
    order = "F" if fortran is True else "C"
    if dtype_of(dtype).hasobject:
        pending.value = object_array(data, shape, order)
        return
    array_bytes(dtype, shape)
    pending.value = array_from(data.encode("latin-1") if type(data) is str else data, dtype, shape, order)


def _new_array(kind: Any, shape: Any, code: Any) -> Pending:
    if (
        kind != NDARRAY
        or type(shape) is not tuple
        or len(shape) != 1
        or shape[0] != 0
        or code not in (b"b", "b")
    ):
        raise NotAllowedError("an array of a special class")
    return Pending(what="array")


def _new_dtype(code: Any, align: Any = False, copy: Any = False) -> Pending:
    if type(code) is not str or type(align) not in (bool, int) or type(copy) not in (bool, int):
        raise NotAllowedError("a dtype that is not named by a short code")
    return Pending(what="dtype", value=dtype_of(code))


def _scalar(dtype: Any, data: Any = None) -> Any:
    raw = data.encode("latin-1") if type(data) is str else data
    return array_from(raw, dtype, (), "C")[()]


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> np.ndarray:
    if axis_order is None:
        return array_from(data, dtype, shape, "C" if order == "K" else order)
    if type(axis_order) is not tuple or not all(type(axis) is int for axis in axis_order):
        raise DamagedError("an array has no usable axis order")
    return array_from(data, dtype, shape, "C").transpose(axis_order)


def _encoded(text: Any, codec: Any = "latin1") -> bytes:
    if type(text) is not str or codec not in ("latin1", "latin-1"):
        raise NotAllowedError("a text codec other than latin-1")
    return text.encode("latin-1")


def _slice(*parts: Any) -> slice:
    if not 1 <= len(parts) <= 3 or not all(
        type(part) in (int, str, type(None)) or isinstance(part, np.integer) for part in parts
    ):
        raise NotAllowedError("a slice of something else than numbers or names")
    return slice(*parts)


def _raw(kind: type[bytes] | type[bytearray]) -> Callable[..., bytes | bytearray]:
    def make(data: Any = b"") -> bytes | bytearray:
        # bytes(10**12) would take that much memory
        if not isinstance(data, (bytes, bytearray)):
            raise NotAllowedError("bytes made from something else than bytes")
        return kind(data)

    return make


def _everywhere(modules: str, name: str, make: Callable[..., Any]) -> dict[Name, Callable[..., Any]]:
    return {Name(module=module, name=name): make for module in modules.split()}


CONSTRUCTORS: dict[Name, Callable[..., Any]] = {
    **_everywhere("numpy._core.multiarray numpy.core.multiarray", "_reconstruct", _new_array),
    **_everywhere("numpy._core.multiarray numpy.core.multiarray", "scalar", _scalar),
    **_everywhere("numpy._core.numeric numpy.core.numeric", "_frombuffer", _from_buffer),
    **_everywhere("numpy", "dtype", _new_dtype),
    **_everywhere("_codecs", "encode", _encoded),
    **_everywhere("builtins __builtin__", "slice", _slice),
    **_everywhere("builtins __builtin__", "bytes", _raw(bytes)),
    **_everywhere("builtins __builtin__", "bytearray", _raw(bytearray)),
}
"""What a file may call: each is a function of this module, never the one that the file names."""
