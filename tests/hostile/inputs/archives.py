"""Rows of the safety table: files that are no sound archive, and archives that are built to do harm."""

from __future__ import annotations

import os
import pathlib
import stat
import struct
import warnings
import zipfile

from tests.helpers import crafted_archives as crafted
from tests.hostile.inputs.rows import Row

__all__ = ["ROWS", "build"]

HDF5 = crafted.weights_with(len)
PARTS = {
    "metadata.json": b"{}",
    "config.json": b'{"class_name": "Sequential", "config": {}}',
    "model.weights.h5": HDF5,
}


def _row(name: str, file: str, code: int, *words: str) -> Row:
    return Row(name=name, line=f"run {file} --data x.npy", code=code, words=(file, *words))


ROWS = (
    _row("an empty file", "empty.keras", 1, "the file is empty (0 bytes)"),
    _row("a text file", "text.keras", 1, "a text file"),
    _row("a git-lfs pointer", "lfs.keras", 1, "a git-lfs pointer", "git lfs pull"),
    _row("a truncated archive", "cut.keras", 1, "cut short or damaged", "copy or download it again"),
    _row("a directory", "folder.keras", 2, "is a directory"),
    _row("a missing file", "mpl.keras", 2, "did you mean 'mlp.keras'?"),
    _row("an unreadable file", "unreadable.keras", 2, "cannot be read (Permission denied)"),
    _row("HDF5 renamed", "old.keras", 1, "an HDF5 file", "save it again as .keras"),
    _row("a member twice", "twice.keras", 1, "the member 'config.json' twice"),
    _row("a key twice", "key.keras", 1, "config.json has the key 'class_name' twice"),
    _row("a config in UTF-16", "utf16.keras", 1, "config.json begins with a byte order mark"),
    _row("an encrypted zip", "encrypted.keras", 1, "is encrypted"),
    _row("a name that leads out", "traversal.keras", 1, "has a path outside the archive"),
    _row("a symbolic link", "link.keras", 1, "'assets/link' is a link or a device"),
    _row("100,000 members", "crowd.keras", 1, "table of contents takes"),
    _row("JSON nested 200,000 deep", "deep.keras", 1, "config.json nests deeper than 100 levels"),
    _row("a config of 1 GB", "huge.keras", 1, "'config.json' is larger than in any real model"),
    _row("a zip bomb", "bomb.keras", 1, "unpacks to more than 200 times its size"),
    _row("a zip bomb in small pieces", "pieces.keras", 1, "more than 200 times its size, as a zip bomb does"),
    _row("a table of contents that points before the file", "before.keras", 1, "points before its beginning"),
    _row(
        "a config of 600,000 lists", "lists.keras", 1, "config.json holds more than 500,000 lists and objects"
    ),
)


def _link() -> tuple[zipfile.ZipInfo, bytes]:
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link, b"/etc/passwd"


def _encrypted() -> bytes:
    data = bytearray(crafted.zipped(PARTS))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _declared_huge() -> bytes:
    """An archive whose table of contents says that the config has a gigabyte; it is refused for what it says,
    so the gigabyte is not needed.
    """
    data = bytearray(crafted.zipped(PARTS))
    at = data.rfind(b"config.json") - 46
    data[at + 20 : at + 28] = (1 << 30).to_bytes(4, "little") * 2
    return bytes(data)


def _pointing_before() -> bytes:
    """An archive with an end record for large ones, which says that its table of contents lies beyond
    everything.
    """
    whole = crafted.zipped(PARTS)
    at = whole.rfind(b"PK\x05\x06")
    size = int.from_bytes(whole[at + 12 : at + 16], "little")
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, size, 1 << 62)
    return (
        whole[:at]
        + large
        + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
        + whole[at : at + 8]
        + b"\xff" * 12
        + whole[at + 20 :]
    )


def build(into: pathlib.Path) -> None:
    """Write every file that the rows name."""
    whole = crafted.zipped(PARTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twice = crafted.zipped(PARTS, ("config.json", b"{}"))
    files = {
        "empty": b"",
        "text": b"a,b\n1,2\n" * 9,
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "cut": whole[:-300],
        "old": HDF5,
        "twice": twice,
        "key": crafted.zipped(
            PARTS | {"config.json": b'{"class_name": "A", "class_name": "B", "config": {}}'}
        ),
        "utf16": crafted.zipped(PARTS | {"config.json": '{"a": 1}'.encode("utf-16")}),
        "encrypted": _encrypted(),
        "traversal": crafted.zipped(PARTS | {"assets/../../x": b""}),
        "link": crafted.zipped(PARTS, _link()),
        "crowd": crafted.zipped(PARTS | {f"assets/{at}": b"" for at in range(100_000)}),
        "deep": crafted.zipped(PARTS | {"config.json": b"[" * 200_000}),
        "huge": _declared_huge(),
        "bomb": crafted.zipped(PARTS | {"assets/big": b" " * (30 << 20)}, compression=zipfile.ZIP_DEFLATED),
        "pieces": crafted.zipped(
            PARTS | {f"assets/{at}": b" " * (1 << 20) for at in range(70)}, compression=zipfile.ZIP_DEFLATED
        ),
        "before": _pointing_before(),
        "lists": crafted.zipped(PARTS | {"config.json": b"[" + b"[]," * 600_000 + b"[]]"}),
        "unreadable": whole,
    }
    for name, data in files.items():
        (into / f"{name}.keras").write_bytes(data)
    (into / "folder.keras").mkdir()
    os.chmod(into / "unreadable.keras", 0)
