"""The calls that a pickle may make.

Each runs a function of this module, never the function that the pickle names. A pickle creates arrays,
dtypes, byte strings and slices by calls. Here these calls check their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, Name, NotAllowedError, Pending
from keras_consistency_cli.loading.scalers.numpy_parts import NDARRAY, build_array, parse_dtype

__all__ = ["CONSTRUCTORS"]


def _start_array(kind: Any, shape: Any, code: Any) -> Pending:
    is_empty = type(shape) is tuple and len(shape) == 1 and shape[0] == 0
    if kind != NDARRAY or not is_empty or code not in (b"b", "b"):
        raise NotAllowedError("an array of a special class")
    return Pending(what="array")


def _build_dtype(code: Any, align: Any = False, copy: Any = False) -> Pending:
    if type(code) is not str or type(align) not in (bool, int) or type(copy) not in (bool, int):
        raise NotAllowedError("a dtype without a short code as its name")
    return Pending(what="dtype", value=parse_dtype(code))


def _build_scalar(dtype: Any, data: Any = None) -> Any:
    content = data.encode("latin-1") if type(data) is str else data
    return build_array(content, dtype, (), "C")[()]


def _build_from_buffer(data: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> np.ndarray:
    if axis_order is None:
        return build_array(data, dtype, shape, "C" if order == "K" else order)
    if type(axis_order) is not tuple or not all(type(axis) is int for axis in axis_order):
        raise DamagedError("an array has no usable axis order")
    return build_array(data, dtype, shape, "C").transpose(axis_order)


def _encode(text: Any, codec: Any = "latin1") -> bytes:
    if type(text) is not str or codec not in ("latin1", "latin-1"):
        raise NotAllowedError("a text codec other than latin-1")
    return text.encode("latin-1")


def _build_slice(*parts: Any) -> slice:
    if not 1 <= len(parts) <= 3 or not all(
        type(part) in (int, str, type(None)) or isinstance(part, np.integer) for part in parts
    ):
        raise NotAllowedError("a slice of something other than numbers or names")
    return slice(*parts)


def _copy_bytes_as(kind: type[bytes] | type[bytearray]) -> Callable[..., bytes | bytearray]:
    def copy_bytes(data: Any = b"") -> bytes | bytearray:
        # bytes(10**12) would take that much memory.
        if not isinstance(data, (bytes, bytearray)):
            raise NotAllowedError("bytes created from something other than bytes")
        return kind(data)

    return copy_bytes


def _register(modules: str, name: str, build: Callable[..., Any]) -> dict[Name, Callable[..., Any]]:
    return {Name(module=module, name=name): build for module in modules.split()}


CONSTRUCTORS: dict[Name, Callable[..., Any]] = {
    **_register("numpy._core.multiarray numpy.core.multiarray", "_reconstruct", _start_array),
    **_register("numpy._core.multiarray numpy.core.multiarray", "scalar", _build_scalar),
    **_register("numpy._core.numeric numpy.core.numeric", "_frombuffer", _build_from_buffer),
    **_register("numpy", "dtype", _build_dtype),
    **_register("_codecs", "encode", _encode),
    **_register("builtins __builtin__", "slice", _build_slice),
    **_register("builtins __builtin__", "bytes", _copy_bytes_as(bytes)),
    **_register("builtins __builtin__", "bytearray", _copy_bytes_as(bytearray)),
}
"""The replacement for each callable that a file may name."""
