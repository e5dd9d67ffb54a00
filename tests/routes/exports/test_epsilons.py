"""with_other_epsilon: which epsilon of which layers makes the model give the outputs of the export."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.exports import epsilons
from keras_consistency_cli.routes.exports.comparing import VariantResult
from tests.corpus.exports import cnn, mlp, of_epsilon, twice_normalized

PICTURES = np.random.default_rng(1).uniform(size=(8, 12, 12, 3)).astype("float32")


def _found(
    model: Any, exported: Any, monkeypatch: pytest.MonkeyPatch, precision: str = "float32"
) -> VariantResult | None:
    def call(rows: Any, training: bool) -> dict[str, np.ndarray]:
        return {"y": keras.ops.convert_to_numpy(model(rows["x"], training=training))}

    export: Any = SimpleNamespace(
        model=model,
        exported=SimpleNamespace(precision=precision),
        original=SimpleNamespace(restore=lambda: None, call=call),
    )
    outputs = {"y": keras.ops.convert_to_numpy(exported(PICTURES, training=False))}
    monkeypatch.setattr(epsilons, "run_export", lambda _export, _rows: outputs)
    return epsilons.with_other_epsilon(export, {"x": PICTURES})


@pytest.mark.parametrize(
    ("build", "change", "how", "layer"),
    [
        (cnn, of_epsilon(1e-6), "1e-06 instead of 0.001 in 'batch_normalization'", "batch_normalization"),
        (twice_normalized, of_epsilon(1e-12), "1e-12 instead of 1e-05, 0.001 in 'batch', 'groups'", "batch"),
        (twice_normalized, of_epsilon(1e-3, only="batch"), "0.001 instead of 1e-05 in 'batch'", "batch"),
    ],
)
def test_the_epsilon_of_the_export_is_found(
    build: Any, change: Any, how: str, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build()
    own = [each.epsilon for each in model.layers if hasattr(each, "epsilon")]
    found = _found(model, change(model), monkeypatch)
    assert found is not None
    assert found["differences"]["y"] < 1e-6
    assert found["how"].startswith(how[:-1])
    assert found["layer"].startswith(layer)
    assert [each.epsilon for each in model.layers if hasattr(each, "epsilon")] == own


def test_other_weights_are_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _found(cnn(), cnn(), monkeypatch)
    assert found is not None
    assert found["differences"]["y"] > 1e-3


@pytest.mark.parametrize(("precision", "is_found"), [("float32", True), ("float16", False)])
def test_single_layers_are_not_tried_in_low_precision(
    precision: str, is_found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Conv2D(4, 3)]
    last = layers.BatchNormalization(name="last")
    model = keras.Sequential([keras.Input((12, 12, 3)), *stages, last, layers.GlobalAveragePooling2D()])
    found = _found(model, of_epsilon(1e-6, only="last")(model), monkeypatch, precision)
    assert found is not None
    assert (found["layer"] == "last") == is_found


def test_a_model_without_such_layers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([layers.Flatten(), layers.Dense(2)])
    model(PICTURES)
    assert not any(hasattr(each, "epsilon") for each in mlp().layers)
    assert _found(model, model, monkeypatch) is None
