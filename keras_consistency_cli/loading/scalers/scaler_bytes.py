"""The bytes of a scaler file: read once, identified, unpacked within limits.

A file is read a single time, so that it cannot change between the check and its use.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.text import clean

__all__ = ["Packing", "ScalerBytes", "read_scaler_bytes", "unpack"]

_MAX_FILE = 64 << 20
_MAX_UNPACKED = 256 << 20
_MAX_DICTIONARY = 256 << 20
_EXPECTED = "a file: .pkl, .joblib or .skops"

Packing = Literal["plain", "compressed", "zip"]


class _Decompressor(Protocol):
    """The common part of the decompressors of zlib, bz2 and lzma."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class ScalerBytes:
    """One reading of a file; every decision about the file is about these bytes."""

    raw: bytes
    sha256: str


def read_scaler_bytes(path: Path) -> ScalerBytes:
    """Read a scaler file once.

    Raises:
        UsageError: it is missing, a directory, or cannot be read.
        NotAllowedError: it is larger than any scaler.
    """
    try:
        _check_is_file(path)
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"the scaler '{clean(path)}' cannot be read: {clean(error)}") from error
    if len(raw) > _MAX_FILE:
        raise NotAllowedError(f"more than {_MAX_FILE >> 20} MiB, which no scaler needs")
    return ScalerBytes(raw=raw, sha256=hashlib.sha256(raw).hexdigest())


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"the scaler '{clean(path)}' is a directory", expected=_EXPECTED)
    if not path.exists():
        raise UsageError(
            f"the scaler file '{clean(path)}' does not exist",
            fix="check the path; a path in a YAML file is relative to that file",
        )
    if not path.is_file():
        raise UsageError(f"the scaler '{clean(path)}' is not a regular file", expected=_EXPECTED)


def unpack(raw: bytes) -> tuple[bytes, Packing]:
    """Return the content of a file, decompressed if necessary, and how it was packed.

    Raises:
        DamagedError: it is empty, cut short, or a kind of file that holds no scaler.
        NotAllowedError: it unpacks to more than any scaler needs.
    """
    for magic, description in _OTHER_FILES.items():
        if raw.startswith(magic):
            raise DamagedError(description)
    if not raw:
        raise DamagedError("it is empty")
    if raw.startswith(b"PK\x03\x04"):
        return raw, "zip"
    for magics, create_decompressor in _DECOMPRESSORS:
        if raw.startswith(magics):
            return _decompress(raw, create_decompressor()), "compressed"
    return raw, "plain"


_OTHER_FILES = {
    b"version https://git-lfs": "it is a Git LFS pointer, not the file itself: run `git lfs pull`",
    b"\x89HDF\r\n\x1a\n": "it is an HDF5 file, such as a Keras model, not a scaler",
    b"\x93NUMPY": "it is a NumPy array, not a scaler",
    b"PK\x05\x06": "it is an empty zip",
    b"\x04\x22\x4d\x18": (
        "it is compressed with lz4, which is not supported: "
        "save it with joblib.dump(scaler, path, compress='zlib')"
    ),
    b"ZF": "joblib before 0.10 wrote it: save it again with a newer joblib",
}

_DECOMPRESSORS: tuple[tuple[tuple[bytes, ...], Callable[[], _Decompressor]], ...] = (
    # With 47, zlib itself distinguishes gzip from zlib.
    ((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), lambda: zlib.decompressobj(47)),
    ((b"BZh",), bz2.BZ2Decompressor),
    # The memory limit stops a file that asks for a huge dictionary.
    ((b"\xfd7zXZ", b"\x5d\x00\x00"), lambda: lzma.LZMADecompressor(memlimit=_MAX_DICTIONARY)),
)
"""Decompressors by the first bytes of a file."""


def _decompress(raw: bytes, decompressor: _Decompressor) -> bytes:
    try:
        content = decompressor.decompress(raw, _MAX_UNPACKED + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DamagedError(f"its compressed data is damaged: {error}") from error
    if len(content) > _MAX_UNPACKED:
        raise NotAllowedError(f"more than {_MAX_UNPACKED >> 20} MiB after it is unpacked")
    if not decompressor.eof:
        raise DamagedError("its compressed data is cut short")
    if decompressor.unused_data:
        raise NotAllowedError("more after the end of its compressed data, which may hide a second object")
    return content
