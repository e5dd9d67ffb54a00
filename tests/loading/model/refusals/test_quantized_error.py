"""quantized_error: quantised files that Keras cannot load, and files that fail for another reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model.load import load_model
from keras_consistency_cli.loading.model.refusals.quantized_error import quantized_error
from tests.corpus.reports_quantised import calibrated

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = np.random.default_rng(0).random((5, 6, 8)).astype("float32")


class Own(layers.Layer):
    """A layer with another one inside it."""

    def __init__(self, units: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Build the layer inside."""
        self.dense.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        """Apply it."""
        return self.dense(x)


class More(Own):
    """The same class in a later version: it has a weight more."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Add the weight."""
        super().build(shape)
        self.more = self.add_weight(shape=())


def _attention(kind: Any, *numbers: int) -> Any:
    entry = keras.Input((6, 8))
    return keras.Model(entry, layers.Dense(2)(kind(*numbers, name="attention")(entry, entry)))


def _chain(*parts: Any) -> Any:
    return keras.Sequential([keras.Input((6, 8)), *parts])


class Subclassed(keras.Model):
    """A subclassed model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        """Apply the only layer."""
        return self.dense(x)


def _subclassed() -> Any:
    model = Subclassed()
    model(ROWS)
    return model


OBJECTS = {"Own": Own, "Subclassed": Subclassed}
BUILDERS: dict[str, Callable[[], Any]] = {
    "attention": lambda: _attention(layers.MultiHeadAttention, 2, 4),
    "grouped": lambda: _attention(layers.GroupQueryAttention, 4, 2, 1),
    "own": lambda: _chain(Own(name="own"), layers.Dense(2)),
    "subclassed": _subclassed,
    "spectral": lambda: _chain(layers.SpectralNormalization(layers.Dense(4))),
}


def _saved(model: Any, mode: str, path: Path) -> Path:
    model.quantize(mode)
    model.save(path)
    return path


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize("kind", ["attention", "grouped", "own", "subclassed"])
def test_a_quantised_file_that_keras_cannot_load_is_named(tmp_path: Path, kind: str, mode: str) -> None:
    path = _saved(BUILDERS[kind](), mode, tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(path, custom_objects=OBJECTS)
    assert refusal.value.cause == "quantized-not-loadable"
    assert "quantize" in str(refusal.value.fix)


@pytest.mark.parametrize("kind", ["attention", "spectral"])
def test_the_refusal_names_the_layer(tmp_path: Path, kind: str, wording: SnapshotAssertion) -> None:
    path = _saved(BUILDERS[kind](), "int8", tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(path, custom_objects=OBJECTS)
    assert str(refusal.value).replace(f"{tmp_path}/", "") == wording


@pytest.mark.parametrize("config", [keras.quantizers.GPTQConfig, keras.quantizers.AWQConfig])
def test_a_file_without_zero_points_is_named(
    tmp_path: Path, config: type, wording: SnapshotAssertion
) -> None:
    """See findings/zero_points_not_saved.sh."""
    model, _ = calibrated(config, -1)
    model.save(tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(tmp_path / "m.keras", custom_objects={})
    assert refusal.value.cause == "quantized-not-loadable"
    text = str(refusal.value).replace(f"{tmp_path}/", "")
    assert text.replace(model.layers[1].name, "dense") == wording


@pytest.mark.parametrize("kind", ["attention", "own", "spectral"])
def test_quantising_after_loading_gives_the_same_outputs(tmp_path: Path, kind: str) -> None:
    model = BUILDERS[kind]()
    model.save(tmp_path / "float.keras")
    model.quantize("int8")
    loaded, _ = load_model(tmp_path / "float.keras", custom_objects=OBJECTS)
    loaded.quantize("int8")
    assert np.array_equal(loaded.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0))


@pytest.mark.parametrize(
    "parts",
    [
        lambda: (layers.Dense(4), layers.Dense(2)),
        lambda: (keras.Sequential([layers.Dense(4)]), layers.Dense(2)),
        lambda: (layers.TimeDistributed(layers.Dense(4)),),
        lambda: (layers.Bidirectional(layers.LSTM(3)), layers.Dense(2)),
    ],
    ids=["dense", "nested", "wrapper", "both-directions"],
)
def test_other_quantised_files_load(tmp_path: Path, parts: Callable[[], tuple[Any, ...]]) -> None:
    model = _chain(*parts())
    loaded, failure = load_model(_saved(model, "int8", tmp_path / "m.keras"), custom_objects={})
    assert failure == ""
    assert np.array_equal(loaded.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0))


@pytest.mark.parametrize("mode", ["", "int8"], ids=["float", "quantised-elsewhere"])
def test_a_layer_whose_code_has_changed_is_a_different_cause(tmp_path: Path, mode: str) -> None:
    model = _chain(layers.Dense(8), Own(name="own"))
    if mode:
        model.layers[0].quantize(mode)
    model.save(tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(tmp_path / "m.keras", custom_objects={"Own": More})
    assert refusal.value.cause == "model-not-loadable"


def test_other_errors_and_unreadable_files_give_no_refusal(tmp_path: Path) -> None:
    misfit = ValueError("Layer 'x' expected 2 variables, but received 3 variables during loading.")
    (tmp_path / "m.keras").write_bytes(b"no model")
    assert quantized_error(tmp_path / "m.keras", misfit) is None
    assert quantized_error(tmp_path / "m.keras", ValueError("something else")) is None
