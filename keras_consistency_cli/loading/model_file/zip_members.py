"""The zip archive of a saved model, checked before anything in it is used.

Nothing is ever extracted to disk.
"""

from __future__ import annotations

import io
import itertools
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

__all__ = [
    "ASSETS",
    "CONFIG",
    "METADATA",
    "WEIGHTS",
    "check_content",
    "open_archive",
    "open_member",
    "read_member",
    "size_limit",
]

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_MAX_SIZE = {METADATA: 64 * _KIB, CONFIG: 64 * _MIB, WEIGHTS: 32 * _GIB}
_MAX_ASSET = _GIB
_MAX_MEMBERS = 2000
_MAX_DIRECTORY = 4 * _MIB
_MAX_RATIO = 200
"""Keras stores its members without compression; compressed weights shrink to a half, never to a 200th."""
_TOTAL_FLOOR = 64 * _MIB
_CHUNK = _MIB
_END_RECORD = struct.Struct("<4s4H2LH")
_END64_BEFORE, _END64_SIZE_AT = 76, 40
"""A large archive has an end record at this distance before the small one, with its size at this offset."""
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_SAVE_AGAIN = "save the model again with model.save('model.keras')"
_SPECIAL_FILES = (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)
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
    """Return the zip archive in `stream` after its table of contents has been checked.

    Raises:
        RefusedError: cut short, damaged, hostile (links, hidden names, paths outside the archive, zip bombs,
            overlaps), or not an archive of Keras.
    """
    _check_directory_size(stream)
    try:
        archive = zipfile.ZipFile(stream)
    except _READ_ERRORS as error:
        raise RefusedError(
            f"the zip archive is cut short or damaged ({clean(error)})",
            fix="copy or download it again, and compare its size with that of the original",
        ) from error
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise RefusedError(f"the archive has {len(infos)} members, more than the {_MAX_MEMBERS} allowed")
    _check_names(infos)
    for info in infos:
        _check_member(info)
    _check_total_size(infos)
    _check_layout(infos)
    return archive


def size_limit(name: str) -> int:
    """Return the greatest size of a member, in bytes."""
    return _MAX_SIZE.get(name, _MAX_ASSET)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the bytes of one member after verifying its checksum."""
    with io.BytesIO() as buffer:
        _read_chunks(archive, archive.getinfo(name), buffer.write)
        return buffer.getvalue()


def open_member(archive: zipfile.ZipFile, stream: BinaryIO, name: str) -> BinaryIO:
    """Return a seekable view of one member, or a copy in memory if it is compressed."""
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
    """Read every member once and verify its checksum; the content is not kept.

    Raises:
        RefusedError: a member is damaged, or longer than the table of contents says.
    """
    for info in archive.infolist():
        _read_chunks(archive, info, len)


def _read_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, use: Callable[[bytes], object]) -> None:
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                use(chunk)
    except _READ_ERRORS as error:
        raise RefusedError(
            f"{clean(info.filename)} inside the archive is damaged ({clean(error)})",
            fix="copy or download it again, or save the model again",
        ) from error


def _check_directory_size(stream: BinaryIO) -> None:
    """Check the end record first.

    zipfile would create an object for each of a hundred thousand members.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_RECORD.size - (1 << 16)))
    tail = stream.read()
    start = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END_RECORD.size) + 4)
    if start < 0:
        return
    *_, directory_size, _offset, _comment = _END_RECORD.unpack_from(tail, start)
    large_record = tail[max(0, start - _END64_BEFORE) : start]
    if large_record.startswith(b"PK\x06\x06"):
        directory_size = int.from_bytes(large_record[_END64_SIZE_AT : _END64_SIZE_AT + 8], "little")
    if directory_size > _MAX_DIRECTORY:
        raise RefusedError(
            f"the archive's table of contents takes {directory_size:,} bytes",
            expected=f"at most {_MAX_MEMBERS} members",
        )


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in infos]
    repeated = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if repeated:
        raise RefusedError(
            f"the archive has the member '{clean(min(repeated))}' twice", expected="each member once"
        )
    missing = [name for name in (CONFIG, METADATA, WEIGHTS) if name not in names]
    if names and all(name.endswith(".npy") for name in names):
        raise RefusedError(
            "a .npz file of rows, not a model",
            expected="a .keras file",
            fix="give rows with --data: kcheck run model.keras --data FILE",
        )
    if missing:
        content = ", ".join(f"'{clean(name, 60)}'" for name in names[:3]) or "nothing"
        raise RefusedError(
            "a zip archive, but not a complete Keras model: "
            f"{' and '.join(missing)} missing (it contains {content})",
            fix="save the model with model.save('model.keras')",
        )
    for name in names:
        if name not in _MAX_SIZE and not name.startswith(ASSETS):
            raise RefusedError(
                f"the archive contains '{clean(name)}', which Keras does not write", fix=_SAVE_AGAIN
            )


def _is_outside(info: zipfile.ZipInfo) -> bool:
    name = info.filename
    return name.startswith("/") or "\\" in name or name[1:2] == ":" or ".." in name.split("/")


def _has_hidden_name(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename != info.filename


def _is_encrypted(info: zipfile.ZipInfo) -> bool:
    return bool(info.flag_bits & 0x41)


def _has_foreign_compression(info: zipfile.ZipInfo) -> bool:
    return info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _is_special_file(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) in _SPECIAL_FILES


def _is_too_large(info: zipfile.ZipInfo) -> bool:
    return info.file_size > size_limit(info.filename)


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    return info.file_size > _MIB and info.file_size > _MAX_RATIO * max(info.compress_size, 1)


def _has_two_sizes(info: zipfile.ZipInfo) -> bool:
    return info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size


_FAULTS: tuple[tuple[Callable[[zipfile.ZipInfo], bool], str], ...] = (
    (_is_outside, "has a path outside the archive"),
    (_has_hidden_name, "has a name that continues after a zero byte"),
    (_is_encrypted, "is encrypted"),
    (_has_foreign_compression, "uses a compression method that Keras does not use"),
    (_is_special_file, "is a link or a device, not a file"),
    (_is_too_large, "is larger than in any real model"),
    (_is_bomb, f"unpacks to more than {_MAX_RATIO} times its size, as a zip bomb does"),
    (_has_two_sizes, "declares two different sizes"),
)


def _check_member(info: zipfile.ZipInfo) -> None:
    for has_fault, description in _FAULTS:
        if has_fault(info):
            member = f"the archive's member '{clean(info.filename)}'"
            raise RefusedError(f"{member} {description} ({info.file_size:,} bytes unpacked)")


def _check_total_size(infos: list[zipfile.ZipInfo]) -> None:
    """Check the ratio of all members together.

    Many small members would pass the check of single members.
    """
    unpacked, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if unpacked > max(_TOTAL_FLOOR, _MAX_RATIO * packed):
        raise RefusedError(
            f"the archive unpacks to {unpacked:,} bytes, "
            f"more than {_MAX_RATIO} times its size, as a zip bomb does",
            fix=_SAVE_AGAIN,
        )


def _check_layout(infos: list[zipfile.ZipInfo]) -> None:
    """Check that the members follow each other from byte 0 without overlap.

    Different readers would read overlapping members, or bytes before the first one, differently.
    """
    ordered = sorted(infos, key=lambda info: info.header_offset)
    if ordered[0].header_offset < 0:
        raise RefusedError(
            "the zip archive is cut short or damaged (its table of contents points before its beginning)"
        )
    if ordered[0].header_offset != 0:
        raise RefusedError(
            f"the archive's first member begins at byte {ordered[0].header_offset}",
            expected="a plain zip archive, which begins at byte 0",
        )
    for info, following in itertools.pairwise(ordered):
        if info.header_offset + _LOCAL_HEADER.size + info.compress_size > following.header_offset:
            raise RefusedError(
                f"the archive's members '{clean(info.filename)}' and '{clean(following.filename)}' overlap"
            )


class _Window(io.RawIOBase):
    """A read-only view of a part of a file."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size, self._position = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        self._stream.seek(self._start + self._position)
        data = self._stream.read(max(0, min(len(view), self._size - self._position)))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
