"""A signature that an export does not have is a mistake of the call, which names those that exist."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.content.signatures import check_signature
from keras_consistency_cli.loading.exports.spec import ExportKind


class Twice(tf.Module):  # type: ignore[misc]
    """Two functions."""

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])  # type: ignore[untyped-decorator]
    def double(self, x: Any) -> Any:
        return 2.0 * x

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])  # type: ignore[untyped-decorator]
    def half(self, x: Any) -> Any:
        return 0.5 * x


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same signatures in a SavedModel and in a LiteRT file, and files without signatures."""
    folder, module = tmp_path_factory.mktemp("signatures"), Twice()
    signatures = {"double": module.double, "half": module.half}
    tf.saved_model.save(module, str(folder / "m"), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "m"), signature_keys=list(signatures))
    (folder / "m.tflite").write_bytes(converter.convert())
    (folder / "m.onnx").write_bytes(b"")
    (folder / "m.xml").write_bytes(b"")
    return folder


KINDS: list[tuple[str, ExportKind]] = [("m", "tf_saved_model"), ("m.tflite", "litert")]
WITHOUT: list[tuple[str, ExportKind]] = [("m.onnx", "onnx"), ("m.xml", "openvino")]


@pytest.mark.parametrize(("name", "kind"), KINDS)
@pytest.mark.parametrize("stated", ["", "double", "half"])
def test_signatures_that_exist(name: str, kind: ExportKind, stated: str, folder: Path) -> None:
    check_signature(folder / name, kind, stated)


@pytest.mark.parametrize(("name", "kind"), KINDS + WITHOUT)
def test_a_signature_that_does_not_exist_is_refused(
    name: str, kind: ExportKind, folder: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(DataError) as refused:
        check_signature(Path(name), kind, "doubel")
    assert str(refused.value) == wording


@pytest.mark.parametrize(("name", "kind"), WITHOUT)
def test_a_file_without_signatures_needs_none(name: str, kind: ExportKind, folder: Path) -> None:
    check_signature(folder / name, kind, "")


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _random(content: bytes) -> bytes:
    return bytes(range(256)) * (len(content) // 256 + 1)


@pytest.mark.parametrize("damage", [_cut, _random, lambda _: b""], ids=["cut", "random", "empty"])
def test_damaged_files_are_left_to_the_runtime_or_refused(
    damage: Callable[[bytes], bytes], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "m").mkdir()
    for name, kind in (("m/saved_model.pb", "tf_saved_model"), ("m.tflite", "litert")):
        path = tmp_path / name
        path.write_bytes(damage((folder / name).read_bytes()))
        with suppress(DataError):
            check_signature(path.parent if kind == "tf_saved_model" else path, kind, "double")


def test_a_saved_model_in_text(tmp_path: Path) -> None:
    text = 'meta_graphs { signature_def { key: "serve" value { } } }'
    (tmp_path / "saved_model.pbtxt").write_text(text, encoding="utf-8")
    check_signature(tmp_path, "tf_saved_model", "serve")
    with pytest.raises(DataError):
        check_signature(tmp_path, "tf_saved_model", "other")
