"""NumPy files: what the header promises is held against the bytes that are there, then mapped. Nothing is ever unpickled."""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.text import clean

__all__ = ["map_npy", "map_npz", "release"]

Array = npt.NDArray[Any]

_MAX_PACKED = 2**30
"""Compressed arrays cannot be mapped: beyond this size, all together, they must be saved uncompressed, so that memory does not grow with the data."""
_MAX_MEMBERS = 1000
_MAX_AXES = 32
"""What NumPy 1 takes; NumPy 2 takes twice as many, models far fewer."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")

_ALLOWED = "numbers (float, int, uint, bool) or strings (str, bytes)"
_REFUSED = {
    "O": (
        "Python objects, which only unpickling could read",
        "strings: np.asarray(x, dtype=str); numbers: np.asarray(x, dtype=np.float32)",
    ),
    "V": ("records with named fields", "np.savez('x.npz', **{name: x[name] for name in x.dtype.names})"),
    "c": ("complex numbers", "np.stack([x.real, x.imag], axis=-1)"),
    "M": ("dates", "x.astype('datetime64[s]').astype(np.int64)"),
    "m": ("time spans", "x / np.timedelta64(1, 's')"),
}


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What the first bytes of one .npy promise; `offset` is where its data begin."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of data; a Python integer, since a hostile shape overflows any other."""
        return math.prod(self.shape) * self.dtype.itemsize

    def view(self, buffer: Any, start: int) -> Array:
        """The array over `buffer` whose .npy begins at byte `start`."""
        order: Any = "F" if self.fortran else "C"
        return np.ndarray(self.shape, self.dtype, buffer=buffer, offset=start + self.offset, order=order)


def map_npy(handle: IO[bytes], size: int, label: str) -> Array:
    """Map the .npy of `size` bytes open in `handle`, read-only.

    Args:
        handle: the file, at any position.
        size: its length in bytes.
        label: how messages name it, cleaned already.

    Raises:
        DataError: for a damaged header, a size that does not match it, a dtype or shape that no model can take.
    """
    handle.seek(0)
    header = _read_header(handle, label)
    _check_size(header, size, label)
    return header.view(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ), 0)


def map_npz(handle: IO[bytes], label: str) -> dict[str, Array]:
    """Return the arrays of a .npz by name: stored ones mapped, compressed ones read into memory.

    Raises:
        DataError: for a damaged archive, one that is not a .npz, or an array that `map_npy` would refuse.
    """
    try:
        with zipfile.ZipFile(handle) as archive:
            members = _members(archive, label)
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            return {
                info.filename.removesuffix(".npy"): _member(archive, info, mapped, label) for info in members
            }
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        RuntimeError,
        NotImplementedError,
        OSError,
        ValueError,
        OverflowError,
    ) as error:
        raise DataError(
            f"{label} is a damaged or truncated .npz: {clean(error)}", fix="save it again with np.savez"
        ) from error


def release(array: Array) -> None:
    """Give the pages of a mapped array back to the system; the next access reads them again. Does nothing for arrays in memory."""
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def _members(archive: zipfile.ZipFile, label: str) -> list[zipfile.ZipInfo]:
    """The members of the archive, all of them .npy under different names."""
    members = archive.infolist()
    if not members:
        raise DataError(f"{label} holds no arrays", fix="np.savez('x.npz', x=x)")
    if len(members) > _MAX_MEMBERS:
        raise DataError(
            f"{label} holds {len(members)} arrays",
            expected=f"one per input of the model, at most {_MAX_MEMBERS}",
        )
    for info in members:
        if not info.filename.endswith(".npy"):
            fix = (
                "is it a model? The model comes first, the rows after --data"
                if info.filename == "config.json"
                else None
            )
            raise DataError(
                f"{label} is a zip archive but not a .npz: it holds '{clean(info.filename)}'",
                expected="a .npz of np.savez",
                fix=fix,
            )
    name, times = Counter(info.filename for info in members).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"{label} holds '{clean(name.removesuffix('.npy'))}' {times} times", expected="each array once"
        )
    packed = sum(info.file_size for info in members if info.compress_type != zipfile.ZIP_STORED)
    if packed > _MAX_PACKED:
        what = f"{label} holds {packed / 2**30:.1f} GiB of compressed arrays, which cannot be streamed"
        raise DataError(what, fix="np.savez instead of np.savez_compressed")
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, mapped: mmap.mmap, label: str) -> Array:
    label = f"array '{clean(info.filename.removesuffix('.npy'))}' of {label}"
    with archive.open(info) as stream:
        header = _read_header(stream, label)
        _check_size(header, info.file_size, label)
        if info.compress_type == zipfile.ZIP_STORED:
            return header.view(mapped, _data_start(mapped, info))
        packed = stream.read(header.nbytes)
        stream.read()  # to the end, so that the checksum is verified
    if len(packed) != header.nbytes:
        raise EOFError(f"{label} ends after {len(packed)} of {header.nbytes} bytes")
    return header.view(packed, -header.offset)


def _data_start(mapped: mmap.mmap, info: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin: behind its local header, whose name and extra field may differ from the directory's."""
    signature, name, extra = _LOCAL_HEADER.unpack_from(mapped, info.header_offset)
    start = int(info.header_offset + _LOCAL_HEADER.size + name + extra)
    if signature != b"PK\x03\x04" or start + info.file_size > len(mapped):
        raise zipfile.BadZipFile(f"member '{info.filename}' lies outside the file")
    return start


def _read_header(stream: IO[bytes], label: str) -> _Header:
    try:
        version = npy_format.read_magic(stream)
        # Version 3 differs from 2 in the encoding of field names only, and records are refused.
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (zipfile.BadZipFile, zlib.error):
        raise  # the archive is damaged, not the header
    except Exception as error:  # a hostile header fails in a dozen ways inside NumPy: ValueError, SyntaxError, MemoryError, TypeError, ...
        raise DataError(
            f"{label} has a damaged .npy header: {clean(error, 100)}", fix="save it again with np.save"
        ) from error
    _check_dtype(dtype, label)
    _check_shape(shape, label)
    return _Header(shape=shape, fortran=fortran, dtype=dtype, offset=stream.tell())


def _check_dtype(dtype: np.dtype[Any], label: str) -> None:
    if dtype.kind in _REFUSED:
        holds, fix = _REFUSED[dtype.kind]
        raise DataError(f"{label} holds {holds} (dtype {clean(dtype, 60)})", expected=_ALLOWED, fix=fix)
    if dtype.kind not in "fiubSU":
        raise DataError(f"{label} has dtype {clean(dtype, 60)}", expected=_ALLOWED)
    if dtype.itemsize == 0:
        raise DataError(
            f"{label} has dtype {dtype}: strings of no characters",
            expected=_ALLOWED,
            fix="np.asarray(x, dtype=str)",
        )
    if dtype.kind == "f" and dtype.itemsize > 8:
        raise DataError(f"{label} has dtype {dtype}", expected="float64 or less", fix="x.astype(np.float64)")


def _check_shape(shape: tuple[int, ...], label: str) -> None:
    if any(type(size) is not int for size in shape) or len(shape) > _MAX_AXES:
        raise DataError(
            f"{label} has the shape {clean(shape, 80)}",
            expected=f"at most {_MAX_AXES} axes, each a whole number of rows or values",
        )
    if not shape:
        raise DataError(
            f"{label} is a single value of shape ()",
            expected="one row per sample on axis 0",
            fix="np.atleast_1d(x)",
        )
    if shape[0] == 0:
        raise DataError(f"{label} has no rows: its shape is {shape}", expected="at least one row on axis 0")
    if min(shape) <= 0:
        raise DataError(
            f"{label} holds no values: its shape is {clean(shape)}", expected="no axis of length 0"
        )


def _check_size(header: _Header, size: int, label: str) -> None:
    """A file that is short or has extra bytes was cut, appended to or tampered with."""
    missing = header.offset + header.nbytes - size
    if missing:
        wrong = f"{missing} bytes short (truncated?)" if missing > 0 else f"{-missing} bytes too long"
        what = f"{label} is {wrong}: its header says {clean(header.shape)} of {header.dtype}, {header.nbytes} bytes of data"
        raise DataError(what, fix="copy or save it again")
