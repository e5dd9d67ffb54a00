"""NumPy files: the header is compared with the bytes of the file, then the arrays are mapped.

Nothing is ever unpickled, because a pickle may run any code.
"""

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

__all__ = ["LONE_ARRAY", "map_npy", "map_npz", "release"]

Array = npt.NDArray[Any]

LONE_ARRAY = "data"
"""The name of the one array of a .npy."""

_MAX_PACKED = 2**30
"""Compressed arrays cannot be mapped, so all of them together must fit into memory."""
_MAX_MEMBERS = 1000
_MAX_AXES = 32
"""The limit of NumPy 1; NumPy 2 takes twice as many, models far fewer."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error, RuntimeError, NotImplementedError),
    *(OSError, ValueError, OverflowError),
)
"""The exceptions of zipfile for a damaged archive."""

_ALLOWED = "numbers (float, int, uint, bool) or strings (str, bytes)"
_REFUSED = {
    "O": (
        "Python objects, which only pickle could read",
        "strings: np.asarray(x, dtype=str); numbers: np.asarray(x, dtype=np.float32)",
    ),
    "V": ("records with named fields", "np.savez('x.npz', **{name: x[name] for name in x.dtype.names})"),
    "c": ("complex numbers", "np.stack([x.real, x.imag], axis=-1)"),
    "M": ("dates", "x.astype('datetime64[s]').astype(np.int64)"),
    "m": ("time spans", "x / np.timedelta64(1, 's')"),
}


@dataclass(frozen=True, kw_only=True)
class _Header:
    """The header of one .npy; its data begin at `offset`."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of data, a Python integer: a hostile shape overflows any other."""
        return math.prod(self.shape) * self.dtype.itemsize

    def view(self, buffer: Any, start: int) -> Array:
        """Return the array over `buffer`, for a .npy that begins at byte `start`."""
        order: Any = "F" if self.fortran else "C"
        return np.ndarray(self.shape, self.dtype, buffer=buffer, offset=start + self.offset, order=order)


def map_npy(handle: IO[bytes], size: int, label: str) -> Array:
    """Map the .npy of `size` bytes open in `handle`, read-only.

    Args:
        handle: the file, at any position.
        size: its length in bytes.
        label: its name in messages, already cleaned.

    Raises:
        DataError: a damaged header, a size that does not match it, a dtype or shape that no model can take.
    """
    handle.seek(0)
    header = _read_header(handle, label)
    _check_size(header, size, label)
    return header.view(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ), 0)


def map_npz(handle: IO[bytes], label: str) -> dict[str, Array]:
    """Return the arrays of a .npz by name.

    Stored arrays are mapped, compressed ones are read into memory.

    Raises:
        DataError: a damaged archive, one that is not a .npz, or an array that `map_npy` would refuse.
    """
    try:
        with zipfile.ZipFile(handle) as archive:
            members = archive.infolist()
            _check_members(members, label)
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            return {
                info.filename.removesuffix(".npy"): _map_member(archive, info, mapped, label)
                for info in members
            }
    except _DAMAGE as error:
        raise DataError(
            f"{label} is a damaged or truncated .npz: {clean(error)}", fix="save it again with np.savez"
        ) from error


def release(array: Array) -> None:
    """Return the memory of a mapped array to the system; the next access reads it again.

    Arrays in memory stay as they are.
    """
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def _check_members(members: list[zipfile.ZipInfo], label: str) -> None:
    """Check that all members of the archive are .npy files with different names."""
    if not members:
        raise DataError(f"{label} holds no arrays", fix="np.savez('x.npz', x=x)")
    if len(members) > _MAX_MEMBERS:
        raise DataError(
            f"{label} holds {len(members)} arrays",
            expected=f"one per input of the model, at most {_MAX_MEMBERS}",
        )
    for info in members:
        if not info.filename.endswith(".npy"):
            raise _describe_foreign_member(info.filename, label)
    name, times = Counter(info.filename for info in members).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"{label} holds '{clean(name.removesuffix('.npy'))}' {times} times", expected="each array once"
        )
    packed = sum(info.file_size for info in members if info.compress_type != zipfile.ZIP_STORED)
    if packed > _MAX_PACKED:
        raise DataError(
            f"{label} holds {packed / 2**30:.1f} GiB of compressed arrays, which cannot be read in parts",
            fix="np.savez instead of np.savez_compressed",
        )


def _describe_foreign_member(name: str, label: str) -> DataError:
    fixes = {
        "config.json": "this is a Keras model: pass the model first, and the rows after --data",
        "[Content_Types].xml": "if it is an Excel file: pandas.read_excel(path).to_csv('x.csv', index=False)",
    }
    return DataError(
        f"{label} is a zip archive but not a .npz: it holds '{clean(name)}'",
        expected="a .npz from np.savez",
        fix=fixes.get(name),
    )


def _map_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, mapped: mmap.mmap, label: str) -> Array:
    label = f"array '{clean(info.filename.removesuffix('.npy'))}' of {label}"
    with archive.open(info) as stream:
        header = _read_header(stream, label)
        _check_size(header, info.file_size, label)
        if info.compress_type == zipfile.ZIP_STORED:
            return header.view(mapped, _find_data_start(mapped, info))
        unpacked = stream.read(header.nbytes)
        stream.read()  # to the end, so that the checksum is verified
    if len(unpacked) != header.nbytes:
        raise EOFError(f"{label} ends after {len(unpacked)} of {header.nbytes} bytes")
    return header.view(unpacked, -header.offset)


def _find_data_start(mapped: mmap.mmap, info: zipfile.ZipInfo) -> int:
    """The position of a stored member's bytes, after its local header.

    The name and extra field there may have other lengths than in the directory.
    """
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
        shape, is_fortran, dtype = read(stream)
    except (zipfile.BadZipFile, zlib.error):
        raise  # the archive is damaged, not the header
    except (
        Exception
    ) as error:  # in NumPy, a hostile header fails with ValueError, MemoryError and many others
        raise DataError(
            f"{label} has a damaged .npy header: {clean(error, 100)}", fix="save it again with np.save"
        ) from error
    _check_dtype(dtype, label)
    _check_shape(shape, label)
    return _Header(shape=shape, fortran=is_fortran, dtype=dtype, offset=stream.tell())


def _check_dtype(dtype: np.dtype[Any], label: str) -> None:
    if dtype.kind in _REFUSED:
        contents, fix = _REFUSED[dtype.kind]
        raise DataError(f"{label} holds {contents} (dtype {clean(dtype, 60)})", expected=_ALLOWED, fix=fix)
    if dtype.kind not in "fiubSU":
        raise DataError(f"{label} has dtype {clean(dtype, 60)}", expected=_ALLOWED)
    if dtype.itemsize == 0:
        raise DataError(
            f"{label} has dtype {dtype}: strings without characters",
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
    """Refuse a file that is too short or too long.

    It was cut, extended or tampered with.
    """
    missing = header.offset + header.nbytes - size
    if missing:
        fault = f"{missing} bytes short (truncated?)" if missing > 0 else f"{-missing} bytes too long"
        raise DataError(
            f"{label} is {fault}: its header says {clean(header.shape)} of {header.dtype}, "
            f"{header.nbytes} bytes of data",
            fix="copy or save it again",
        )
