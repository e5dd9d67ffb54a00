"""missing_weights_error: files that Keras wrote without weights that it then misses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model.load import load_model
from keras_consistency_cli.loading.model.refusals.missing_weights import missing_weights_error
from tests.corpus.custom_layers import Gained

pytestmark = pytest.mark.filterwarnings("ignore")


def _gained(base: type, **arguments: Any) -> tuple[type, Any]:
    """A subclass with a weight of its own, and a layer of it."""

    def build(self: Any, input_shape: Any) -> None:
        super(kind, self).build(input_shape)
        self.gain = self.add_weight(shape=(), name="gain")

    kind: Any = type("Own", (base,), {"build": build})
    return kind, kind(name="own", **arguments)


def _twice(wrap: Callable[[Any], Any], inner: Any) -> Any:
    entry = keras.Input((5, 4))
    return keras.Model(entry, layers.Add()([wrap(inner)(entry), wrap(inner)(entry * 2.0)]))


def _refusal(model: Any, path: Path, **custom_objects: Any) -> RefusedError:
    model.save(path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(path / "m.keras", custom_objects=custom_objects)
    return refusal.value


@pytest.mark.parametrize(
    ("base", "arguments"),
    [(layers.Dense, {"units": 3}), (layers.Conv1D, {"filters": 3, "kernel_size": 2})],
    ids=["dense", "convolution"],
)
def test_a_weight_of_a_subclass_is_missed(
    base: type, arguments: dict[str, Any], tmp_path: Path, wording: SnapshotAssertion
) -> None:
    kind, layer = _gained(base, **arguments)
    refusal = _refusal(keras.Sequential([keras.Input((5, 4)), layer]), tmp_path, Own=kind)
    assert refusal.cause == "subclass-weights-not-saved"
    assert str(refusal).replace(f"{tmp_path}/", "") == wording


@pytest.mark.parametrize(
    ("base", "arguments"),
    [
        (layers.Conv2D, {"filters": 3, "kernel_size": 2}),
        (layers.EinsumDense, {"equation": "abcd,de->abce", "output_shape": (None, None, 3)}),
    ],
)
def test_the_class_that_the_fix_names_is_in_keras_layers(
    base: type, arguments: dict[str, Any], tmp_path: Path
) -> None:
    kind, _ = _gained(base, **arguments)
    derived = type("Own", (kind,), {})
    model = keras.Sequential([keras.Input((5, 4, 2)), derived(**arguments)])
    refusal = _refusal(model, tmp_path, Own=derived)
    assert refusal.cause == "subclass-weights-not-saved"
    assert f"keras.layers.{base.__name__}(" in str(refusal.fix)


@pytest.mark.parametrize(
    "build",
    [
        lambda: _twice(layers.TimeDistributed, layers.Dense(3, name="inner")),
        lambda: _twice(layers.TimeDistributed, keras.Sequential([layers.Dense(3, name="inner")])),
        lambda: _twice(layers.RNN, layers.GRUCell(3, name="inner")),
    ],
    ids=["dense", "model", "cell"],
)
def test_a_layer_in_two_wrappers_is_found(build: Callable[[], Any], tmp_path: Path) -> None:
    refusal = _refusal(build(), tmp_path)
    assert refusal.cause == "shared-layer-not-loadable"
    assert "'inner'" in str(refusal)


def test_one_wrapper_in_two_places_loads(tmp_path: Path) -> None:
    shared = layers.TimeDistributed(layers.Dense(3))
    _twice(lambda _inner: shared, None).save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras", custom_objects={})[1] == ""


@pytest.mark.parametrize(
    ("base", "arguments"),
    [
        (layers.LayerNormalization, {}),
        (layers.Conv2DTranspose, {"filters": 3, "kernel_size": 2}),
        (layers.DepthwiseConv2D, {"kernel_size": 2}),
        (layers.SeparableConv2D, {"filters": 3, "kernel_size": 2}),
    ],
)
def test_a_subclass_whose_layers_save_everything_loads(
    base: type, arguments: dict[str, Any], tmp_path: Path
) -> None:
    kind, layer = _gained(base, **arguments)
    keras.Sequential([keras.Input((5, 4, 2)), layer]).save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras", custom_objects={"Own": kind})[1] == ""


def test_other_misfits_are_not_explained(tmp_path: Path) -> None:
    said = "Example error message for object <{}>: Layer 'x' expected {} variables, but received {} variables"
    rest = " during loading. Expected: ['kernel', 'bias', 'gain']"
    for kind, built, stored in (("Dense name=x, built=True", 2, 3), ("Unknown name=x, built=True", 3, 2)):
        problem = ValueError(said.format(kind, built, stored) + rest)
        assert missing_weights_error(tmp_path / "none.keras", problem, {"Gained": Gained}) is None
    assert missing_weights_error(tmp_path / "none.keras", ValueError("no"), {}) is None
