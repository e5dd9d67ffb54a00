"""The layer from which on the values of an export differ, by names and by values."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.exports.layers import DifferingLayer, find_differing_layer
from tests.helpers.live_models import session_of

ROWS = np.random.default_rng(2).normal(size=(6, 4)).astype("float32")
NAMES = ("first", "second", "third", "last")


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,), name="x"), *(layers.Dense(4, "tanh", name=name) for name in NAMES)]
    )


def outputs_of(model: Any) -> dict[str, np.ndarray]:
    """The outputs of all layers, by name."""
    found, values = {}, ROWS
    for layer in model.layers:
        values = found[layer.name] = np.asarray(layer(values))
    return found


def located(model: Any, values: Mapping[str, np.ndarray]) -> DifferingLayer:
    """The layer that is found for an export with these values."""
    rows = {"x": ROWS}
    export: Any = SimpleNamespace(
        exported=SimpleNamespace(values=lambda _: values, precision="float32"),
        feeds=lambda given: given,
        original=session_of((model, rows)),
    )
    return find_differing_layer(export, rows)


def exported(model: Any, wrong: int, **renamed: str) -> dict[str, np.ndarray]:
    """The values of an export that is wrong from this layer on; a name "" leaves a value out."""
    values = {}
    for number, (name, value) in enumerate(outputs_of(model).items()):
        values[renamed.get(name, f"model/{name}/Tanh:0")] = value + 0.5 if number >= wrong else value
    return {name: value for name, value in values.items() if name}


def test_the_first_layer_that_differs_is_named(model: Any) -> None:
    expected = {"layer": "third", "kind": "Dense", "after": "second", "unknown": []}
    assert located(model, exported(model, 2)) == expected


def test_layers_that_agree_are_not(model: Any) -> None:
    assert located(model, exported(model, 4)) == {}


def test_a_value_with_another_name_is_the_output_that_it_equals(model: Any) -> None:
    assert located(model, exported(model, 2, second="n_17"))["after"] == "second"


@pytest.mark.parametrize("name", ["n_17", ""])
def test_a_layer_without_values_may_be_the_one(model: Any, name: str) -> None:
    found = located(model, exported(model, 1, second=name))
    assert (found["layer"], found["after"], found["unknown"]) == ("third", "first", ["second"])


def test_without_a_value_of_any_layer_nothing_is_known(model: Any) -> None:
    assert located(model, exported(model, 0, first="a", second="b", third="c", last="d")) == {}


@pytest.fixture(scope="module")
def resizing() -> Any:
    """A model in which nothing but the name tells the output of Resizing from other values."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((4, 4, 1), name="x"),
            layers.Rescaling(0.5, name="scale"),
            layers.Resizing(6, 6, interpolation="bicubic", name="resize"),
            layers.Conv2D(3, 2, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="last"),
        ]
    )


PICTURES = np.random.default_rng(3).normal(size=(6, 4, 4, 1)).astype("float32")


def of_pictures(model: Any, name: str, change: Any, *left_out: str) -> DifferingLayer:
    """The layer that is found for an export in which one layer gives something else."""
    values, shown = PICTURES, {}
    for layer in model.layers:
        values = np.asarray(layer(values))
        if layer.name == name:
            values = change(values)
        if layer.name not in left_out:
            # Channels first, as ONNX has them.
            shown[f"model/{layer.name}/out"] = values.transpose(0, 3, 1, 2) if values.ndim == 4 else values
        elif layer.name == name:
            shown["n_12"] = values
    rows = {"x": PICTURES}
    export: Any = SimpleNamespace(
        exported=SimpleNamespace(values=lambda _: shown, precision="float32"),
        feeds=lambda given: given,
        original=session_of((model, rows)),
    )
    return find_differing_layer(export, rows)


def test_a_layer_that_makes_its_value_of_another_one_is_right(resizing: Any) -> None:
    found = of_pictures(resizing, "resize", lambda values: values**2, "resize")
    assert (found["layer"], found["after"], found["unknown"]) == ("resize", "scale", [])


def test_a_layer_whose_value_comes_of_none_is_named(resizing: Any) -> None:
    found = of_pictures(resizing, "conv", lambda values: values + 1.0, "resize")
    assert (found["layer"], found["after"], found["unknown"]) == ("conv", "scale", ["resize"])


def test_a_layer_that_hands_its_input_on_is_not_right_for_that(resizing: Any) -> None:
    found = of_pictures(resizing, "flat", lambda values: values[:, ::-1], "conv")
    assert (found["layer"], found["unknown"]) == ("flat", ["conv"])
