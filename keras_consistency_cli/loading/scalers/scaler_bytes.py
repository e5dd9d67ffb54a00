"""The bytes of a scaler file: read once, told apart by how they begin, unpacked within limits."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.text import clean

__all__ = ["ScalerBytes", "read_scaler_bytes", "unpack"]

_MAX_FILE = 64 << 20
_MAX_UNPACKED = 256 << 20
_MAX_DICTIONARY = 256 << 20


@dataclass(frozen=True, kw_only=True)
class ScalerBytes:
    """One reading of a file; whatever is decided about a file is decided about these bytes."""

    raw: bytes
    sha256: str


def read_scaler_bytes(path: Path) -> ScalerBytes:
    """Read a scaler file once.

    Raises:
        UsageError: it is missing, a directory, or cannot be read.
        NotAllowedError: it is larger than any scaler.
    """
    try:
        if path.is_dir():
            raise UsageError(
                f"the scaler '{clean(path)}' is a directory", expected="a file: .pkl, .joblib or .skops"
            )
        if not path.exists():
            raise UsageError(
                f"there is no scaler file '{clean(path)}'",
                fix="check the path; in a YAML file it is relative to that file",
            )
        if not path.is_file():
            raise UsageError(
                f"the scaler '{clean(path)}' is no ordinary file", expected="a file: .pkl, .joblib or .skops"
            )
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"the scaler '{clean(path)}' cannot be read: {clean(error)}") from error
    if len(raw) > _MAX_FILE:
        raise NotAllowedError(f"more than {_MAX_FILE >> 20} MiB, which no scaler needs")
    return ScalerBytes(raw=raw, sha256=hashlib.sha256(raw).hexdigest())


def unpack(raw: bytes) -> tuple[bytes, Literal["plain", "compressed", "zip"]]:
    """Return the content of a possibly compressed file, and how it was kept.

    Raises:
        DamagedError: it is empty, cut short, or a kind of file that holds no scaler.
        NotAllowedError: it unpacks to more than any scaler needs.
    """
    for beginning, what in _OTHER_FILES.items():
        if raw.startswith(beginning):
            raise DamagedError(what)
    if not raw:
        raise DamagedError("it is empty")
    if raw.startswith(b"PK\x03\x04"):
        return raw, "zip"
    for beginnings, opener in _OPENERS:
        if raw.startswith(beginnings):
            return _decompressed(raw, opener()), "compressed"
    return raw, "plain"


_OTHER_FILES = {
    b"version https://git-lfs": "it is a Git LFS pointer, not the file itself: run `git lfs pull`",
    b"\x89HDF\r\n\x1a\n": "it is an HDF5 file, such as a Keras model, not a scaler",
    b"\x93NUMPY": "it is a NumPy array, not a scaler",
    b"PK\x05\x06": "it is an empty zip",
    b"\x04\x22\x4d\x18": "it is compressed with lz4, which is not supported: save it with joblib.dump(scaler, path, compress='zlib')",
    b"ZF": "it was written by joblib before 0.10: save it again with a newer joblib",
}

# Decompressors by the bytes that a file begins with; 47 lets zlib tell gzip from zlib itself, the memory limit stops a dictionary bomb.
_OPENERS: tuple[tuple[tuple[bytes, ...], Callable[[], Any]], ...] = (
    ((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), lambda: zlib.decompressobj(47)),
    ((b"BZh",), bz2.BZ2Decompressor),
    ((b"\xfd7zXZ", b"\x5d\x00\x00"), lambda: lzma.LZMADecompressor(memlimit=_MAX_DICTIONARY)),
)


def _decompressed(raw: bytes, decompressor: Any) -> bytes:
    try:
        content: bytes = decompressor.decompress(raw, _MAX_UNPACKED + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DamagedError(f"its compressed data is damaged: {error}") from error
    if len(content) > _MAX_UNPACKED:
        raise NotAllowedError(f"more than {_MAX_UNPACKED >> 20} MiB once it is unpacked")
    if not decompressor.eof:
        raise DamagedError("its compressed data is cut short")
    if decompressor.unused_data:
        raise NotAllowedError("more after the end of its compressed data, where a second object may hide")
    return content
