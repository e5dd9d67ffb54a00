"""Files of an export that are missing or cut: the message names the file, and what it should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.exports.exported_model import ExportRefused
from keras_consistency_cli.loading.exports.kinds import export_kind
from keras_consistency_cli.loading.exports.opening import open_export

# tf2onnx 1.17 uses names that NumPy has given up.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model in each format, whose weights are in files of their own."""
    import onnx

    folder = tmp_path_factory.mktemp("whole")
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((16,), name="x"), layers.Dense(64, "relu"), layers.Dense(2)])
    model(np.zeros((1, 16), np.float32))
    for file, kind in {"m.onnx": "onnx", "m.xml": "openvino", "m": "tf_saved_model"}.items():
        model.export(str(folder / file), format=kind, verbose=False)
    onnx.save_model(
        onnx.load(str(folder / "m.onnx")),
        str(folder / "m.onnx"),
        save_as_external_data=True,
        location="m.data",
        size_threshold=100,
    )
    return folder


def _cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = next(folder.glob(name))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])

    return damage


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.glob(name)).unlink()


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder / "m" / "variables")


@pytest.mark.parametrize("file", ["m.onnx", "m.xml", "m"])
def test_whole_exports_are_opened(file: str, exports: Path) -> None:
    assert open_export(exports / file, export_kind(exports / file)).inputs


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("m.onnx", _remove("m.data")),
        ("m.xml", _remove("m.bin")),
        ("m", _remove_folder),
    ],
    ids=["external data", "bin", "variables"],
)
def test_a_missing_file_is_a_mistake_of_the_call(
    file: str,
    damage: Callable[[Path], None],
    exports: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wording: SnapshotAssertion,
) -> None:
    shutil.copytree(exports, tmp_path, dirs_exist_ok=True)
    damage(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as refused:
        export_kind(Path(file))
    assert str(refused.value) == wording


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("m.onnx", _cut("m.data")),
        ("m.xml", _cut("m.bin")),
        ("m", _cut("m/variables/*.data*")),
        ("m", _remove("m/variables/*.data*")),
        ("m", _remove("m/variables/*.index")),
    ],
    ids=["external data", "bin", "variables", "no variables", "no index"],
)
def test_a_cut_file_is_named(
    file: str,
    damage: Callable[[Path], None],
    exports: Path,
    tmp_path: Path,
    wording: SnapshotAssertion,
) -> None:
    shutil.copytree(exports, tmp_path, dirs_exist_ok=True)
    damage(tmp_path)
    kind = export_kind(tmp_path / file)
    with pytest.raises(ExportRefused) as refused:
        open_export(tmp_path / file, kind)
    assert str(refused.value) == wording
