"""Every runtime gives the outputs of the model that was exported, and describes its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.exports.exported_model import ExportedModel, ExportRefused
from keras_consistency_cli.loading.exports.kinds import export_kind
from keras_consistency_cli.loading.exports.opening import open_export

# tf2onnx 1.17 uses names that NumPy has given up.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)

FILES = {"tf_saved_model": "m", "litert": "m.tflite", "onnx": "m.onnx", "openvino": "m.xml"}
NOT_FLOAT32 = 0.02
"""OpenVINO computes in bfloat16 on processors that can."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Mapping[str, ExportedModel]]:
    """A model with two heads, and its exports by format."""
    folder = tmp_path_factory.mktemp("exports")
    keras.utils.set_random_seed(3)
    x = keras.Input((4,), name="x")
    h = layers.Dense(6, activation="tanh", name="hidden")(x)
    model = keras.Model(x, [layers.Dense(2, name="b")(h), layers.Dense(3, name="a")(h)])
    model(np.zeros((1, 4), np.float32))
    opened = {}
    for name, file in FILES.items():
        model.export(str(folder / file), format=name, verbose=False)
        opened[name] = open_export(folder / file, export_kind(folder / file))
    return model, opened


@pytest.mark.parametrize("name", FILES)
def test_outputs_are_those_of_the_model(name: str, exported: tuple[Any, Mapping[str, ExportedModel]]) -> None:
    model, exports = exported
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    export = exports[name]
    found = export.run({export.inputs[0].name: rows})
    wanted = model.predict(rows, verbose=0)
    by_width = {values.shape[1]: values for values in found.values()}
    limit = 1e-5 if export.precision == "float32" else NOT_FLOAT32
    assert all(np.abs(by_width[values.shape[1]] - values).max() <= limit for values in wanted)


@pytest.mark.parametrize("name", FILES)
def test_interface(name: str, exported: tuple[Any, Mapping[str, ExportedModel]]) -> None:
    export = exported[1][name]
    assert [(each.shape, each.dtype) for each in export.inputs] == [((None, 4), "float32")]
    assert sorted(each.shape or () for each in export.outputs) == [(None, 2), (None, 3)]


@pytest.mark.parametrize("name", FILES)
def test_weights_are_found(name: str, exported: tuple[Any, Mapping[str, ExportedModel]]) -> None:
    model, exports = exported
    kernel = np.sort(np.asarray(model.get_layer("hidden").kernel), axis=None)
    same_size = [values for _, values in exports[name].constants() if values.size == kernel.size]
    assert any(np.allclose(np.sort(values, axis=None), kernel) for values in same_size)


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_exact_mode_gives_the_same_outputs(
    name: str, exported: tuple[Any, Mapping[str, ExportedModel]]
) -> None:
    export = exported[1][name]
    exact = export.exact()
    assert exact is not None
    assert exact.exact() is None
    feeds = {export.inputs[0].name: np.ones((3, 4), np.float32)}
    outputs = export.run(feeds)
    assert all(np.allclose(values, outputs[key], atol=1e-5) for key, values in exact.run(feeds).items())


def test_an_unknown_signature_is_refused(tmp_path: Path, exported: tuple[Any, Any]) -> None:
    exported[0].export(str(tmp_path / "m"), format="tf_saved_model", verbose=False)
    with pytest.raises(ExportRefused):
        open_export(tmp_path / "m", "tf_saved_model", signature="no_such_signature")
