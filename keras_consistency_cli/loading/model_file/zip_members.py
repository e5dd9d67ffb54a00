"""The zip around a saved model, checked before anything in it is used. Nothing is ever extracted to disk."""

from __future__ import annotations

import io
import itertools
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

__all__ = ["CONFIG", "METADATA", "WEIGHTS", "check_content", "open_archive", "open_member", "read_member"]

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_MAX_SIZE = {METADATA: 64 * _KIB, CONFIG: 64 * _MIB, WEIGHTS: 32 * _GIB}
_MAX_ASSET = _GIB
_MAX_MEMBERS = 2000
_MAX_DIRECTORY = 4 * _MIB
_MAX_RATIO = 200
"""Keras stores its members; deflated weights shrink to a half, never to a two-hundredth."""
_WHOLE_FLOOR = 64 * _MIB
_CHUNK = _MIB
_END_RECORD = struct.Struct("<4s4H2LH")
_END64_BEFORE, _END64_SIZE_AT = 76, 40
"""Where large archives have their own end record: so far before the small one, with the directory's size at this offset."""
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ODD_TYPES = (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    ValueError,
)


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """Return the zip in `stream` once its table of contents is that of a Keras archive.

    Raises:
        RefusedError: cut short, damaged, hostile (links, hidden or escaping names, bombs, overlaps), or not a Keras archive.
    """
    _check_directory_size(stream)
    try:
        archive = zipfile.ZipFile(stream)
    except _READ_ERRORS as error:
        fix = "copy or download it again; the size should be that of the original"
        raise RefusedError(f"the zip archive is cut short or damaged ({clean(error)})", fix=fix) from error
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise RefusedError(f"the archive has {len(infos)} members, more than the {_MAX_MEMBERS} allowed")
    _check_names(infos)
    for info in infos:
        _check_member(info)
    _check_whole(infos)
    _check_layout(infos)
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one member's bytes, its checksum verified."""
    with io.BytesIO() as kept:
        _drain(archive, archive.getinfo(name), kept.write)
        return kept.getvalue()


def open_member(archive: zipfile.ZipFile, stream: BinaryIO, name: str) -> BinaryIO:
    """Return a seekable view of one member: in place where it is stored, a copy in memory where it is compressed."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(read_member(archive, name))
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise RefusedError(f"the zip archive is damaged: no header before {name}")
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    return io.BufferedReader(_Window(stream, start, info.file_size), 1 << 16)


def check_content(archive: zipfile.ZipFile) -> None:
    """Read every member once against its checksum, keeping nothing.

    Raises:
        RefusedError: a member is damaged, or longer than the table of contents says.
    """
    for info in archive.infolist():
        _drain(archive, info, len)


def _drain(archive: zipfile.ZipFile, info: zipfile.ZipInfo, take: Callable[[bytes], object]) -> None:
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                take(chunk)
    except _READ_ERRORS as error:
        fix = "copy or download it again, or save the model again"
        raise RefusedError(
            f"{clean(info.filename)} inside the archive is damaged ({clean(error)})", fix=fix
        ) from error


def _check_directory_size(stream: BinaryIO) -> None:
    """Look at the end record alone: zipfile would build an object for each of a hundred thousand members first."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_RECORD.size - (1 << 16)))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END_RECORD.size) + 4)
    if at < 0:
        return
    *_, directory, _offset, _comment = _END_RECORD.unpack_from(tail, at)
    large = tail[max(0, at - _END64_BEFORE) : at]
    if large.startswith(b"PK\x06\x06"):
        directory = int.from_bytes(large[_END64_SIZE_AT : _END64_SIZE_AT + 8], "little")
    if directory > _MAX_DIRECTORY:
        raise RefusedError(
            f"the archive's table of contents takes {directory:,} bytes",
            expected=f"at most {_MAX_MEMBERS} members",
        )


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in infos]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if twice:
        raise RefusedError(
            f"the archive has the member '{clean(min(twice))}' twice", expected="each member once"
        )
    missing = [name for name in (CONFIG, METADATA, WEIGHTS) if name not in names]
    if missing:
        held = ", ".join(f"'{clean(name, 60)}'" for name in names[:3]) or "nothing"
        what = f"a zip archive, but not a complete Keras model: {' and '.join(missing)} missing (it holds {held})"
        raise RefusedError(what, fix="save the model with model.save('model.keras')")
    for name in names:
        if name not in _MAX_SIZE and not name.startswith(ASSETS):
            fix = "save the model again with model.save('model.keras')"
            raise RefusedError(f"the archive holds '{clean(name)}', which Keras does not write", fix=fix)


def _escapes(info: zipfile.ZipInfo) -> bool:
    name = info.filename
    return name.startswith("/") or "\\" in name or name[1:2] == ":" or ".." in name.split("/")


def _hides(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename != info.filename


def _expands(info: zipfile.ZipInfo) -> bool:
    return info.file_size > _MIB and info.file_size > _MAX_RATIO * max(info.compress_size, 1)


_FAULTS: tuple[tuple[Callable[[zipfile.ZipInfo], bool], str], ...] = (
    (_escapes, "has a path that leads out of the archive"),
    (_hides, "has a name that goes on behind a zero byte"),
    (lambda info: bool(info.flag_bits & 0x41), "is encrypted"),
    (
        lambda info: info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
        "uses a compression that Keras does not",
    ),
    (lambda info: stat.S_IFMT(info.external_attr >> 16) in _ODD_TYPES, "is a link or a device, not a file"),
    (lambda info: info.file_size > _MAX_SIZE.get(info.filename, _MAX_ASSET), "is larger than any real one"),
    (_expands, f"unpacks to more than {_MAX_RATIO} times its size, as a zip bomb does"),
    (
        lambda info: info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size,
        "states two different sizes",
    ),
)


def _check_member(info: zipfile.ZipInfo) -> None:
    for is_at_fault, words in _FAULTS:
        if is_at_fault(info):
            raise RefusedError(
                f"the archive's member '{clean(info.filename)}' {words} ({info.file_size:,} bytes unpacked)"
            )


def _check_whole(infos: list[zipfile.ZipInfo]) -> None:
    """Hold all members together against the ratio too: Keras unpacks them side by side, and one that is small alone escapes it."""
    unpacked, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if unpacked > max(_WHOLE_FLOOR, _MAX_RATIO * packed):
        what = f"the archive unpacks to {unpacked:,} bytes, more than {_MAX_RATIO} times its size, as a zip bomb does"
        raise RefusedError(what, fix="save the model again with model.save('model.keras')")


def _check_layout(infos: list[zipfile.ZipInfo]) -> None:
    """Members lie one after the other from byte 0: what overlaps or hides in front is read differently by different readers."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    if ordered[0].header_offset < 0:
        raise RefusedError(
            "the zip archive is cut short or damaged (its table of contents points before its beginning)"
        )
    if ordered[0].header_offset != 0:
        raise RefusedError(
            f"{ordered[0].header_offset} bytes stand before the archive's first member",
            expected="a plain zip archive",
        )
    for info, following in itertools.pairwise(ordered):
        if info.header_offset + _LOCAL_HEADER.size + info.compress_size > following.header_offset:
            raise RefusedError(
                f"the archive's members '{clean(info.filename)}' and '{clean(following.filename)}' overlap"
            )


class _Window(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._stream.seek(self._start + self._at)
        data = self._stream.read(max(0, min(len(view), self._size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
