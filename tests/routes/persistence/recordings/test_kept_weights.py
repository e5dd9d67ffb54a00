"""Recorded outputs that are those of other weights, which the optimizer holds."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from keras_consistency_cli.routes.persistence.recordings.kept_weights import find_kept_weights
from keras_consistency_cli.routes.trace import Outputs
from tests.helpers.live_models import session_of, state_of

ROWS = np.random.default_rng(5).normal(size=(20, 4)).astype("float32")


def build(optimizer: Any, width: int = 2) -> Any:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(width, name="out")])
    if optimizer is not None:
        model.compile(optimizer, "mse")
        optimizer.build(model.trainable_variables)
    return model


def kept_by(optimizer: Any) -> list[Any]:
    return list(getattr(optimizer, "inner_optimizer", optimizer)._model_variables_moving_average)


def unchanged(recorded: Outputs, _outputs: Outputs) -> Outputs:
    return recorded


def recorded_with(session: Any, kept: list[Any], weights: list[Any]) -> Outputs:
    before = [np.array(weight) for weight in weights]
    for weight, average in zip(weights, kept, strict=True):
        weight.assign(average)
    outputs = session.step({"x": ROWS})
    for weight, values in zip(weights, before, strict=True):
        weight.assign(values)
    return dict(outputs)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.Adam(use_ema=True),
        optimizers.SGD(use_ema=True),
        optimizers.LossScaleOptimizer(optimizers.Adam(use_ema=True)),
    ],
    ids=["adam", "sgd", "inside another"],
)
def test_averages_are_found_and_nothing_is_changed(optimizer: Any) -> None:
    model = build(optimizer)
    for average in kept_by(optimizer):
        average.assign(np.array(average) + 0.1)
    session = session_of((model, {"x": ROWS}))
    recorded = recorded_with(session, kept_by(optimizer), model.trainable_variables)
    before = state_of(model)
    assert "use_ema" in find_kept_weights(session, {"x": ROWS}, recorded, unchanged)
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)


def test_weights_of_another_name_are_described_by_it() -> None:
    optimizer = optimizers.SGD(momentum=0.9)
    model = build(optimizer)
    for slow, weight in zip(optimizer.momentums, model.trainable_variables, strict=True):
        slow.assign(np.array(weight) * 0.8)
    session = session_of((model, {"x": ROWS}))
    recorded = recorded_with(session, optimizer.momentums, model.trainable_variables)
    assert "momentums" in find_kept_weights(session, {"x": ROWS}, recorded, unchanged)


@pytest.mark.parametrize("optimizer", [None, optimizers.Adam(use_ema=True)], ids=["none", "averages"])
def test_other_outputs_are_not_those_of_averages(optimizer: Any) -> None:
    session = session_of((build(optimizer), {"x": ROWS}))
    recorded = {name: values + np.sin(values) for name, values in session.step({"x": ROWS}).items()}
    assert find_kept_weights(session, {"x": ROWS}, recorded, unchanged) == ""


def test_outputs_of_the_weights_themselves_are_not_looked_for() -> None:
    session = session_of((build(optimizers.Adam(use_ema=True)), {"x": ROWS}))
    assert find_kept_weights(session, {"x": ROWS}, dict(session.step({"x": ROWS})), unchanged) == ""


def test_classes_say_nothing() -> None:
    optimizer = optimizers.Adam(use_ema=True)
    session = session_of((build(optimizer, 1), {"x": ROWS}))
    classes = {name: (values > 0).astype("float32") for name, values in session.step({"x": ROWS}).items()}
    assert find_kept_weights(session, {"x": ROWS}, classes, unchanged) == ""
