"""The weights of an export take the place of those that it does not hold, in whatever form it holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.exports.weights.held import SearchedWeights, compare_weights
from keras_consistency_cli.routes.exports.weights.stored import StoredConstants, arrange
from keras_consistency_cli.routes.exports.weights.substitution import Substitution, list_substitutions
from keras_consistency_cli.routes.exports.weights.units import FormName, find_units
from tests.helpers.live_models import session_of

ROWS = np.random.default_rng(4).normal(size=(5, 7, 7, 3)).astype("float32")
FORMS: tuple[FormName, ...] = ("folded", "folded after", "scaled", "merged", "plain")


@pytest.fixture(scope="module")
def model() -> Any:
    """Normalizations after convolutions of several kinds, and between dense layers; one model is nested."""
    keras.utils.set_random_seed(3)
    picture = keras.Input((7, 7, 3))
    h = layers.BatchNormalization(name="norm_1")(layers.Conv2D(6, 3, use_bias=False, name="conv_1")(picture))
    h = layers.BatchNormalization(scale=False, name="norm_2")(layers.Conv2D(6, 3, name="conv_2")(h))
    h = layers.BatchNormalization(center=False, name="norm_3")(layers.DepthwiseConv2D(2, name="depth")(h))
    body = keras.Model(picture, layers.GlobalAveragePooling2D()(h), name="body")
    x = keras.Input((7, 7, 3), name="x")
    h = layers.BatchNormalization(name="norm_4")(layers.Dense(6, "relu", name="dense_1")(body(x)))
    h = layers.BatchNormalization(name="norm_5")(layers.Dense(6, name="dense_2")(h))
    built = keras.Model(x, layers.Dense(2, name="head")(h))
    change(built, seed=1)
    return built


def change(model: Any, *names: str, seed: int = 2) -> Any:
    """Change the weights of these layers, of all if there are none."""
    random = np.random.default_rng(seed)
    for layer in model._flatten_layers(include_self=False):
        if not names or layer.name in names:
            own = layer._trainable_variables + layer._non_trainable_variables
            for variable in own:
                value = np.asarray(variable) + random.normal(0, 0.2, variable.shape)
                variable.assign(np.abs(value) + 0.1 if variable.name == "moving_variance" else value)
    return model


def copied(model: Any) -> Any:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def as_it_is(value: np.ndarray) -> np.ndarray:
    return value


def turned(value: np.ndarray) -> np.ndarray:
    """Kernels as ONNX has those of convolutions, and LiteRT those of dense layers."""
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T


def stored(
    model: Any, name: FormName, turn: Callable[[np.ndarray], np.ndarray] = as_it_is
) -> StoredConstants:
    """The constants of an export of a model that merges all layers as far as it can."""

    def constants() -> Iterator[tuple[str, np.ndarray]]:
        for unit in find_units(session_of((model, ROWS)), {"x": ROWS}):
            usable = [each for each in FORMS[FORMS.index(name) :] if each in unit.forms]
            yield from (("", turn(part.value)) for part in unit.forms[usable[0]].parts)

    return StoredConstants.of(SimpleNamespace(precision="float32", constants=constants))  # type: ignore[arg-type]


def substitutions(model: Any, constants: StoredConstants) -> list[tuple[Substitution, np.ndarray]]:
    """All ways, with the outputs of the model after each."""
    session, saved = session_of((model, ROWS)), model.get_weights()
    found = []
    for each in list_substitutions(
        SearchedWeights.of(constants, find_units(session, {"x": ROWS})), most_natural=False
    ):
        model.set_weights(saved)
        for variable, value in each.assigned:
            variable.assign(value)
        found.append((each, np.asarray(model(ROWS))))
    model.set_weights(saved)
    return found


def closest(model: Any, constants: StoredConstants, old: Any) -> tuple[tuple[str, ...], float]:
    """The layers of the best way, and how far its outputs are from those of the exported model."""
    wanted = np.asarray(old(ROWS))
    results = [
        (float(np.nan_to_num(np.abs(outputs - wanted), nan=np.inf).max()), each)
        for each, outputs in substitutions(model, constants)
    ]
    left, best = min(results, key=lambda pair: pair[0])
    return best.layers, left


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (("head",), ("head",)),
        (("conv_1", "norm_1"), ("body/conv_1", "body/norm_1")),
        (("conv_2",), ("body/conv_2",)),
        (("depth", "dense_2"), ("body/depth", "dense_2")),
    ],
    ids=["a head", "a pair", "a convolution", "two layers"],
)
def test_old_weights_of_some_layers_are_found(
    changed: tuple[str, ...],
    expected: tuple[str, ...],
    name: FormName,
    model: Any,
) -> None:
    old = change(copied(model), *changed)
    layers_named, left = closest(model, stored(old, name, turned), old)
    assert left < 1e-4
    assert set(expected) <= set(layers_named)
    assert layers_named[0] == expected[0]


@pytest.mark.parametrize("name", FORMS)
def test_old_scales_are_those_of_the_normalization(name: FormName, model: Any) -> None:
    old = change(copied(model), "norm_2")
    layers_named, left = closest(model, stored(old, name), old)
    assert (layers_named, left < 1e-4) == (("body/norm_2",), True)


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_left_over_of_an_export_of_the_model(name: FormName, model: Any) -> None:
    constants, units = stored(model, name), find_units(session_of((model, ROWS)), {"x": ROWS})
    assert substitutions(model, constants) == []
    counted = compare_weights(SearchedWeights.of(constants, units))
    assert counted["found"] == counted["searched"] > 0 == counted["other"]


def test_weights_of_another_network_take_no_place(model: Any) -> None:
    other = keras.Sequential([keras.Input((7, 7, 3), name="x"), layers.Flatten(), layers.Dense(11)])
    assert substitutions(model, stored(change(other), "plain")) == []


def test_an_addition_that_is_left_out_was_of_zero() -> None:
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [keras.Input((7, 7, 3), name="x"), layers.Flatten(), layers.Dense(4, name="only")]
    )
    old = change(copied(model), "only")
    old.layers[-1].bias.assign(np.zeros(4))
    change(model, "only", seed=9)
    constants = stored(old, "plain")
    left_out = StoredConstants(constants=constants.constants[:1], precision="float32")
    layers_named, left = closest(model, left_out, old)
    assert (layers_named, left < 1e-4) == (("only",), True)


@pytest.mark.parametrize(
    ("written", "shape", "orders"),
    [
        ((6, 1, 2, 5), (2, 5, 3, 2), [(2, 3, 0, 1)]),
        ((4, 3), (3, 4), [(1, 0)]),
        ((4, 4), (4, 4), [(0, 1), (1, 0)]),
        ((1, 1, 5), (5,), [(0,)]),
        ((4, 4), (2, 8), []),
        ((8, 7), (1, 1, 7, 8), [(3, 0, 1, 2)]),
    ],
)
def test_axes_are_turned_and_joined(
    written: tuple[int, ...], shape: tuple[int, ...], orders: list[tuple[int, ...]]
) -> None:
    found = arrange(np.arange(np.prod(written)).reshape(written), shape)
    assert list(found) == orders
    assert all(each.shape == shape for each in found.values())
