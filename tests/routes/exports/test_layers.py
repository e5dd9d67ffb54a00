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
