"""Rows of the safety table: files that are not archives, and archives that kcheck must refuse."""

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


_ZIP = "keras_consistency_cli.loading.model_file.zip_members"
_JSON = "keras_consistency_cli.loading.model_file.strict_json"


def _row(name: str, file: str, code: int = 1, **caps: object) -> Row:
    dotted = {f"{_JSON if cap.startswith('MAX') else _ZIP}.{cap}": value for cap, value in caps.items()}
    return Row(name=name, line=f"run {file} --data x.npy", code=code, caps=dotted)


ROWS = (
    _row("an empty file", "empty.keras"),
    _row("a text file", "text.keras"),
    _row("a git-lfs pointer", "lfs.keras"),
    _row("a truncated archive", "cut.keras"),
    _row("a directory", "folder.keras", 2),
    _row("a missing file", "mpl.keras", 2),
    _row("an unreadable file", "unreadable.keras", 2),
    _row("HDF5 renamed", "old.keras"),
    _row("a member twice", "twice.keras"),
    _row("a key twice", "key.keras"),
    _row("a config in UTF-16", "utf16.keras"),
    _row("an encrypted zip", "encrypted.keras"),
    _row("a member's path with ..", "dots.keras"),
    _row("a symbolic link", "link.keras"),
    _row("more members than allowed", "crowd.keras", _MAX_MEMBERS=20),
    _row("JSON nested 101 deep", "deep.keras"),
    _row("a config larger than allowed", "large.keras", _MAX_SIZE={"config.json": 1024}),
    _row("a member that unpacks to 200 times its size", "expanding.keras"),
    _row("an archive that unpacks to 200 times its size", "pieces.keras", _TOTAL_FLOOR=1024),
    _row("a table of contents that points before the file", "before.keras"),
    _row("a config of too many lists", "lists.keras", MAX_CONTAINERS=100),
)


def _link() -> tuple[zipfile.ZipInfo, bytes]:
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link, b"config.json"


def _encrypted() -> bytes:
    data = bytearray(crafted.zipped(PARTS))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _pointing_before() -> bytes:
    """Return an archive whose ZIP64 end record puts the table of contents at an impossible offset."""
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
        "dots": crafted.zipped(PARTS | {"assets/../x": b""}),
        "link": crafted.zipped(PARTS, _link()),
        "crowd": crafted.zipped(PARTS | {f"assets/{at}": b"" for at in range(30)}),
        "deep": crafted.zipped(PARTS | {"config.json": b"[" * 101}),
        "large": crafted.zipped(PARTS | {"config.json": b" " * 2000}),
        "expanding": crafted.zipped(
            PARTS | {"assets/big": b" " * (2 << 20)}, compression=zipfile.ZIP_DEFLATED
        ),
        "pieces": crafted.zipped(
            PARTS | {f"assets/{at}": b" " * 500_000 for at in range(4)}, compression=zipfile.ZIP_DEFLATED
        ),
        "before": _pointing_before(),
        "lists": crafted.zipped(PARTS | {"config.json": b"[" + b"[]," * 200 + b"[]]"}),
        "unreadable": whole,
    }
    for name, data in files.items():
        (into / f"{name}.keras").write_bytes(data)
    (into / "folder.keras").mkdir()
    os.chmod(into / "unreadable.keras", 0)
