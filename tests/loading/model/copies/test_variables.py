"""Variables that are copied to a model rebuilt from its config."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.copies.variables import copy_variables, has_equal_shapes
from tests.helpers.layers_in_sets import Powers, rebuild


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("shuffled", [0, 5])
def test_layers_in_a_set_get_the_weights_of_their_counterparts(shuffled: int, hidden: bool) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, Powers(shuffled, hidden)(x))
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    copy = rebuild(model)
    assert has_equal_shapes(model, copy)
    copy_variables(model, copy)
    assert np.allclose(model(rows), copy(rows), rtol=1e-4, atol=1e-5)


def test_variables_are_matched_by_their_paths() -> None:
    x = keras.Input((3,), name="x")
    first, second = layers.Dense(3, name="first"), layers.Dense(3, name="second")
    model = keras.Model(x, second(first(x)))
    # Both branches join, so that the order of the layers is a different one.
    other = {name: layers.Dense(3, name=name) for name in ("second", "first")}
    copy = keras.Model(x, [other["second"](x), other["first"](x)])
    copy_variables(model, copy)
    for name, layer in other.items():
        assert np.array_equal(layer.kernel, model.get_layer(name).kernel)


def test_variables_with_new_names_are_matched_by_position() -> None:
    models = [keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.Dense(3)]) for _ in range(2)]
    copy_variables(*models)
    for source, target in zip(*(model.variables for model in models), strict=True):
        assert np.array_equal(source, target)


def test_different_shapes_are_not_equal() -> None:
    first, second = (keras.Sequential([keras.Input((3,)), layers.Dense(width)]) for width in (3, 4))
    assert not has_equal_shapes(first, second)
