"""save_and_load, and the differences that are found afterwards."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.resaving import (
    find_config_differences,
    find_forgotten_arguments,
    find_weight_differences,
    save_and_load,
)


class Forgetful(layers.Layer):
    """A layer whose config leaves out `factor`."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@pytest.fixture
def model() -> Any:
    return keras.Sequential([keras.Input((3,)), layers.Dense(2, name="head")], name="m")


def test_an_ordinary_model_comes_back_without_differences(model: Any) -> None:
    first, second = save_and_load(model, custom_objects={}, allow_unsafe=False, times=2)
    assert first is not second
    for loaded in (first, second):
        assert find_weight_differences(model, loaded) == []
        assert find_config_differences(model, loaded) == []


def test_different_and_missing_weights_are_named(model: Any) -> None:
    (loaded,) = save_and_load(model, custom_objects={}, allow_unsafe=False)
    loaded.weights[1].assign(np.ones(2))
    assert find_weight_differences(model, loaded) == ["m/head/bias"]
    without_bias = keras.Sequential([keras.Input((3,)), layers.Dense(2, use_bias=False)])
    without_bias.weights[0].assign(model.weights[0])
    (difference,) = find_weight_differences(model, without_bias)
    assert difference.startswith("m/head/bias ")


def test_entries_of_the_config_are_named_by_layer(model: Any) -> None:
    loaded = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="relu", name="head")])
    difference = {"path": "layers/head/config/activation", "before": "'linear'", "after": "'relu'"}
    assert difference in find_config_differences(model, loaded)


class Owner(layers.Layer):
    """A layer that creates its inner layer itself: no config of the inner layer is saved."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = Forgetful(2.0, name="inner")

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


def test_a_layer_that_its_owner_creates_again_loses_no_argument() -> None:
    assert find_forgotten_arguments(keras.Sequential([keras.Input((3,)), Owner(name="box")])) == []


def test_arguments_that_the_config_leaves_out_are_found() -> None:
    model = keras.Sequential([keras.Input((3,)), Forgetful(2.0, name="own"), layers.Dense(1)])
    assert find_forgotten_arguments(model) == [
        {"layer": "own", "kind": "Forgetful", "argument": "factor", "value": "2.0"}
    ]
