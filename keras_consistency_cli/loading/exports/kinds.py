"""Recognize the kind of an export by its content. Files are read as data here; no runtime is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.spec import ExportKind
from keras_consistency_cli.text import clean

__all__ = ["export_kind"]

_HEAD = 4096
_GRAPH_FIELD, _OPSET_FIELD = 7, 8
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, _GRAPH_FIELD, _OPSET_FIELD, 14, 20, 25, 26})
"""Fields of ONNX's ModelProto (onnx/onnx.proto)."""
_MOST_FIELDS = 10_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_NET = re.compile(rb"<net\b[^>]*\bversion\s*=")


def export_kind(path: Path) -> ExportKind:
    """Return the kind of an export.

    Raises:
        DataError: it does not exist, is empty, or is of no known kind; or a file that belongs to it is
            missing.
    """
    if not path.exists():
        raise DataError(f"{clean(path)} (--export) does not exist", expected=_expected())
    if path.is_dir():
        return _folder_kind(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not head:
            raise DataError(f"{clean(path)} (--export) is empty", expected=_expected())
        for kind, is_kind in _FILE_KINDS.items():
            if is_kind(head, file):
                _check_companions(path, kind)
                return kind
    raise DataError(
        f"{clean(path)} (--export) is not an export that kcheck knows{_guess(head)}", expected=_expected()
    )


def _folder_kind(path: Path) -> ExportKind:
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        if not (path / "variables").is_dir():
            raise DataError(
                f"{clean(path)} (--export) has no folder 'variables'",
                expected="a complete SavedModel: saved_model.pb, variables/ and assets/",
            )
        return "tf_saved_model"
    raise DataError(f"{clean(path)} (--export) is a folder without saved_model.pb", expected=_expected())


def _expected() -> str:
    return "a SavedModel folder, or a LiteRT (.tflite), ONNX (.onnx) or OpenVINO (.xml) file"


def _is_litert(head: bytes, _file: BinaryIO) -> bool:
    return head[4:8] == b"TFL3"


def _is_openvino(head: bytes, _file: BinaryIO) -> bool:
    return _NET.search(head) is not None


def _is_onnx(_head: bytes, file: BinaryIO) -> bool:
    """Whether the top-level fields are those of a ModelProto, with a graph and an operator set."""
    file.seek(0)
    try:
        numbers = set(_field_numbers(file))
    except ValueError:
        return False
    return {_GRAPH_FIELD, _OPSET_FIELD} <= numbers <= _MODEL_FIELDS


def _field_numbers(file: BinaryIO) -> Iterator[int]:
    """Yield the numbers of the top-level fields of a protobuf message; contents are skipped.

    Raises:
        ValueError: it is not a protobuf message.
    """
    size = file.seek(0, 2)
    file.seek(0)
    for _ in range(_MOST_FIELDS):
        if file.tell() == size:
            return
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _varint(file)
        else:
            file.seek(_varint(file) if wire == _BYTES else _WIDTHS[wire] if wire in _WIDTHS else size + 1, 1)
        if file.tell() > size:
            raise ValueError("a field ends behind the file")
        yield number
    raise ValueError("too many fields")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends in a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number is too long")


_FILE_KINDS: Mapping[ExportKind, Callable[[bytes, BinaryIO], bool]] = {
    "litert": _is_litert,
    "openvino": _is_openvino,
    "onnx": _is_onnx,
}


def _check_companions(path: Path, kind: ExportKind) -> None:
    weights = path.with_suffix(".bin")
    if kind == "openvino" and not weights.is_file():
        raise DataError(
            f"{clean(path)} (--export) has no weights: {clean(weights.name)} is missing",
            expected="the .xml and the .bin file in the same folder, with the same name",
        )


def _guess(head: bytes) -> str:
    """Return what the file may be instead, as an addition to a sentence."""
    if head[:2] == b"PK":
        return ": it is a zip archive, perhaps a .keras file"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return ": it is an HDF5 file"
    return ""
