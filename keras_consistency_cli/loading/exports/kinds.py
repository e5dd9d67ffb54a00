"""Recognize the kind of an export by its content. Files are read as data here; no runtime is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.content.external_data import external_data
from keras_consistency_cli.loading.exports.content.protobuf import read_fields
from keras_consistency_cli.loading.exports.spec import ExportKind
from keras_consistency_cli.text import clean

__all__ = ["export_companions", "export_kind"]

_HEAD = 4096
_GRAPH_FIELD, _OPSET_FIELD = 7, 8
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, _GRAPH_FIELD, _OPSET_FIELD, 14, 20, 25, 26})
"""Fields of ONNX's ModelProto (onnx/onnx.proto)."""
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
                fix="copy the whole folder, or export the model again",
            )
        if not any(file.is_file() and file.stat().st_size for file in path.glob("saved_model.pb*")):
            raise DataError(f"{clean(path)} (--export) has an empty saved_model.pb", expected=_expected())
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
    try:
        numbers = {field.number for field in read_fields(file)}
    except ValueError:
        return False
    return {_GRAPH_FIELD, _OPSET_FIELD} <= numbers <= _MODEL_FIELDS


_FILE_KINDS: Mapping[ExportKind, Callable[[bytes, BinaryIO], bool]] = {
    "litert": _is_litert,
    "openvino": _is_openvino,
    "onnx": _is_onnx,
}


def _weights_of_openvino(path: Path) -> list[str]:
    return [path.with_suffix(".bin").name]


_COMPANIONS: Mapping[ExportKind, tuple[Callable[[Path], Iterable[str]], str, str]] = {
    "openvino": (
        _weights_of_openvino,
        "the .xml and the .bin file in the same folder, with the same name",
        "copy both files, or export the model again",
    ),
    "onnx": (
        external_data,
        "the .onnx file and its external data in the same folder, with the names of the export",
        "copy all these files, or export the model again",
    ),
}
"""By kind: the files that it needs beside it, in words too, and what to do if one is missing."""


def _check_companions(path: Path, kind: ExportKind) -> None:
    if kind not in _COMPANIONS:
        return
    names, expected, fix = _COMPANIONS[kind]
    missing = next((name for name in names(path) if not (path.parent / name).is_file()), None)
    if missing is not None:
        what = f"{clean(path)} (--export) has no weights: {clean(missing, 80)} is missing"
        raise DataError(what, expected=expected, fix=fix)


def export_companions(path: Path) -> list[str]:
    """Return the names of the files beside an export that it needs.

    Raises:
        DataError: a file is missing, or of no known kind.
    """
    kind = export_kind(path)
    return list(_COMPANIONS[kind][0](path)) if kind in _COMPANIONS else []


def _guess(head: bytes) -> str:
    """Return what the file may be instead, as an addition to a sentence."""
    if head[:2] == b"PK":
        return ": it is a zip archive, perhaps a .keras file"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return ": it is an HDF5 file"
    return ""
