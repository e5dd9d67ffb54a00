"""The kind of an export is known by its content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.content.external_data import external_data
from keras_consistency_cli.loading.exports.kinds import export_kind

ONNX = bytes([0x08, 10, 0x12, 2, 0x74, 0x66, 0x3A, 3, 1, 2, 3, 0x42, 2, 0x10, 17])
"""ir_version 10, producer "tf", a graph of three bytes, an operator set."""
LITERT = b"\x1c\x00\x00\x00TFL3" + bytes(32)
OPENVINO = b'<?xml version="1.0"?>\n<net name="m" version="11"></net>'


def _file(content: bytes, name: str = "export.bin") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def _saved_model(folder: Path) -> Path:
    (folder / "m" / "variables").mkdir(parents=True)
    (folder / "m" / "saved_model.pb").write_bytes(b"\x08\x01")
    return folder / "m"


def _openvino(folder: Path) -> Path:
    (folder / "m.bin").write_bytes(b"0")
    return _file(OPENVINO, "m.xml")(folder)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (_file(ONNX), "onnx"),
        (_file(LITERT, "model.onnx"), "litert"),
        (_openvino, "openvino"),
        (_saved_model, "tf_saved_model"),
    ],
)
def test_kind(write: Callable[[Path], Path], kind: str, tmp_path: Path) -> None:
    assert export_kind(write(tmp_path)) == kind


def _message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def _onnx_with_external_data(location: str, end: int = 8) -> bytes:
    entries = {"location": location, "offset": "4", "length": str(end - 4)}
    external = (
        _message(13, _message(1, key.encode()) + _message(2, value.encode()))
        for key, value in entries.items()
    )
    graph = _message(7, _message(5, b"".join(external)))
    return bytes([0x08, 10]) + graph + _message(8, bytes([0x10, 17]))


def test_external_data_are_next_to_the_file(tmp_path: Path) -> None:
    path = _file(_onnx_with_external_data("m.data", end=12), "m.onnx")(tmp_path)
    assert external_data(path) == {"m.data": 12}
    with pytest.raises(DataError):
        export_kind(path)
    (tmp_path / "m.data").write_bytes(b"0")
    assert export_kind(path) == "onnx"


@pytest.mark.parametrize("location", ["../m.data", "/tmp/m.data"])
def test_external_data_elsewhere_are_left_to_the_runtime(location: str, tmp_path: Path) -> None:
    path = _file(_onnx_with_external_data(location), "m.onnx")(tmp_path)
    assert (external_data(path), export_kind(path)) == ({}, "onnx")


def _empty_saved_model(folder: Path) -> Path:
    path = _saved_model(folder)
    (path / "saved_model.pb").write_bytes(b"")
    return path


def _without_variables(folder: Path) -> Path:
    path = _saved_model(folder)
    (path / "variables").rmdir()
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: folder / "missing.onnx",
        _file(b""),
        _file(b"hello, this is no export"),
        _file(ONNX[:-1]),
        _file(ONNX + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        _file(b"PK\x03\x04" + bytes(60), "model.keras"),
        _file(OPENVINO, "alone.xml"),
        lambda folder: folder,
        _without_variables,
        _empty_saved_model,
    ],
    ids=[
        "missing",
        "empty",
        "text",
        "cut",
        "long number",
        "zip",
        "no weights",
        "folder",
        "no variables",
        "empty folder",
    ],
)
def test_what_is_no_export_is_refused(write: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError):
        export_kind(write(tmp_path))
