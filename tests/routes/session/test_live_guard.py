"""Changes of a live model and of global state are undone on leaving the guards."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.session.live_guard import restoring_global_state, restoring_model
from tests.helpers.live_models import state_of

ROWS = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")


class Diary(layers.Layer):
    """Keeps values in a list, a dict, a set, a number, and an attribute that is created later."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen, self.by_name, self.kinds, self.calls = [1], {"a": 1}, {1}, 0

    def call(self, inputs: Any) -> Any:
        self.calls += 1
        return inputs


def recurrent() -> Any:
    """A model with everything that running it can change."""
    stack = [
        layers.LSTM(4, stateful=True),
        Diary(name="diary"),
        layers.Dropout(0.5, seed=1),
        layers.BatchNormalization(),
        layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input(batch_shape=(8, 5, 3)), *stack])
    model.layers[-1].trainable = False
    model.compile("sgd", "mse")
    return model


def attributes_of(model: Any) -> list[dict[str, Any]]:
    """Every attribute of the model and its layers, containers by their items."""
    copied = {list: list, dict: dict, set: set}

    def plain(value: Any) -> Any:
        kind = next((kind for kind in copied if isinstance(value, kind)), None)
        return [*copied[kind](value)] if kind else id(value)

    return [{name: plain(value) for name, value in vars(each).items()} for each in (model, *model.layers)]


def test_everything_in_a_model_is_restored() -> None:
    model = recurrent()
    model.predict(ROWS, verbose=0)
    diary = model.get_layer("diary")
    model.reset_metrics()
    before, attributes, compiled = state_of(model), attributes_of(model), model.predict_function
    with restoring_model(model):
        assert not np.any(model.layers[0].states[0])
        model.layers[-1].trainable = True
        model(ROWS, training=True)
        model.layers[2].rate = 0.9
        model.predict_function = None
        diary.seen.append(2)
        diary.by_name["b"] = 2
        diary.kinds.add(2)
        diary.late = 1
        model.weights[0].trainable = False
        model.weights[0].assign(model.weights[0] + 1)
    assert state_of(model) == before
    assert attributes_of(model) == attributes
    assert model.predict_function is compiled
    assert (list(diary.seen), dict(diary.by_name), set(diary.kinds), hasattr(diary, "late")) == (
        [1],
        {"a": 1},
        {1},
        False,
    )
    assert model.weights[0].trainable
    assert np.any(model.layers[0].states[0])


def test_a_model_is_restored_after_an_error() -> None:
    model = recurrent()
    before = state_of(model)

    def failing() -> None:
        with restoring_model(model):
            model(ROWS, training=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert state_of(model) == before


@pytest.fixture
def seeded() -> Any:
    """Seed the random numbers, and restore them for the other tests."""
    states = random.getstate(), np.random.get_state()
    yield random.seed(3), np.random.seed(3)
    random.setstate(states[0])
    np.random.set_state(states[1])


def change_everything() -> None:
    """Change all global state that a library may change by accident."""
    random.random()
    np.random.random()
    keras.random.normal((2,))
    layers.Dense(1)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("mixed_float16")
    warnings.warn("suppressed", stacklevel=1)
    logging.getLogger("tensorflow").setLevel(logging.DEBUG)


DRAWS: dict[str, Callable[[], Any]] = {
    "python": random.random,
    "numpy": np.random.random,
    "keras": lambda: keras.random.normal((2,)).numpy().tolist(),
    "names": lambda: layers.Dense(1).name.rpartition("_")[2],
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_random_numbers_and_names_continue_as_before(draw: Callable[[], Any], seeded: Any) -> None:
    keras.random.normal((2,))
    with restoring_global_state():
        expected = draw()
    with restoring_global_state():
        change_everything()
    assert draw() == expected


def test_settings_of_keras_and_loggers_are_restored() -> None:
    level = logging.getLogger("tensorflow").level
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with restoring_global_state():
            change_everything()
        assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "mixed_bfloat16")
    finally:
        keras.config.set_dtype_policy("float32")
    assert logging.getLogger("tensorflow").level == level
