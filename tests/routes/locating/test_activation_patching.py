"""Patching: the culprit takes the symptom along, in models of every kind; a bystander does not, and code between layers is told from layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.locating.activation_patching import Experiment, held, without_training
from keras_consistency_cli.routes.locating.interventions import TOGGLING_ROUTES
from tests.helpers.live_models import (
    Block,
    Counter,
    Dice,
    InsideTraining,
    Leak,
    LeftOn,
    TrainedByDefault,
    chain,
    encoder,
    measured,
    mlp,
    normal,
    session_of,
)
from tests.helpers.live_models import stateful as stateful_lstm

TOGGLE = {route.name: route.run for route in TOGGLING_ROUTES}


def toggled(name: str, built: tuple[Any, Any]) -> dict[str, Any]:
    """What a toggling route measures on a live model."""
    return measured(TOGGLE[name], built)


def shared() -> tuple[Any, Any]:
    """One leaking layer, called twice."""
    leak, inputs = Leak(1e-3, name="leak"), keras.Input((5,))
    return keras.Model(inputs, layers.Dense(1)(leak(layers.Dense(5)(leak(inputs))))), {inputs.name: normal(5)}


class TwoHeads(layers.Layer):
    """Gives two tensors, of which one takes in the neighbours."""

    def call(self, inputs: Any) -> tuple[Any, Any]:
        return inputs * 2.0, inputs - ops.mean(inputs, axis=0, keepdims=True)


class InItsHeads(keras.Model):
    """A subclassed model with a leaking layer and one that gives several tensors."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.heads, self.last = (
            layers.Dense(4, name="first"),
            TwoHeads(name="heads"),
            layers.Dense(1, name="last"),
        )

    def call(self, inputs: Any) -> Any:
        left, right = self.heads(self.first(inputs))
        return self.last(left + right)


class InItsCall(keras.Model):
    """A subclassed model that mixes rows in its own call(), between two layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(name="own", **kwargs)
        self.first, self.last = layers.Dense(4, name="first"), layers.Dense(1, name="last")

    def call(self, inputs: Any) -> Any:
        hidden = self.first(inputs)
        return self.last(hidden - ops.mean(hidden, axis=0, keepdims=True))


class InABlock(layers.Layer):
    """A custom layer that mixes rows between two layers of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = layers.Dense(4, name="first"), layers.Dense(3, name="last")

    def call(self, inputs: Any) -> Any:
        hidden = self.first(inputs)
        return self.last(hidden - ops.mean(hidden, axis=0, keepdims=True))


def subclassed(model: Any) -> tuple[Any, Any]:
    rows = {"input": normal(7)}
    model.predict(rows["input"], verbose=0)
    return model, rows


CROSSING = {
    ("leak",): lambda: chain(
        (5,), layers.Dense(4, name="before"), Leak(1e-3, name="leak"), layers.Dense(1, name="after")
    ),
    ("tiny",): lambda: chain((5,), layers.Dense(4), Leak(1e-6, name="tiny"), layers.Dense(1)),
    ("encoder/leak",): lambda: chain(
        (5,), encoder(layers.Dense(4), Leak(1e-3, name="leak")), layers.Dense(1)
    ),
    ("block/norm",): lambda: chain((5,), layers.Dense(4), InsideTraining(name="block"), layers.Dense(1)),
    ("outer/inner/leak",): lambda: chain(
        (5,), Block(Block(Leak(1e-3, name="leak"), name="inner"), name="outer")
    ),
    ("one", "two"): lambda: chain(
        (5,), Leak(1e-3, name="one"), layers.Dense(4), Leak(1e-3, name="two"), layers.Dense(1)
    ),
    ("heads",): lambda: subclassed(InItsHeads()),
}


@pytest.mark.parametrize("paths", CROSSING, ids="+".join)
def test_neighbours_change_nothing_with_the_culprits_held(paths: tuple[str, ...]) -> None:
    found = toggled("hold-companions", CROSSING[paths]())
    assert (tuple(found["held"]), found["left"]) == (paths, 0.0)
    assert found["before"] > 0


def test_a_shared_layer_is_held_at_every_call() -> None:
    found = toggled("hold-companions", shared())
    assert (found["held"], found["left"]) == (["leak"], 0.0)


def test_code_between_the_layers_of_a_model_is_not_blamed_on_a_layer() -> None:
    found = toggled("hold-companions", subclassed(InItsCall()))
    assert (found["held"], found["own_code"], found["left"]) == ([], "InItsCall", None)
    assert found["before"] > 0


def test_code_between_the_layers_of_a_layer_is_held_with_it() -> None:
    found = toggled("hold-companions", chain((5,), layers.Dense(4), InABlock(name="block"), layers.Dense(1)))
    assert (found["held"], found["own_code"], found["left"]) == (["block"], "InABlock", 0.0)


@pytest.mark.parametrize(
    ("paths", "build"),
    [
        (["drop"], lambda: chain((5,), layers.Dense(8), LeftOn(0.4, name="drop"), layers.Dense(1))),
        (
            ["drop", "more"],
            lambda: chain(
                (5,), LeftOn(0.4, name="drop"), layers.Dense(8), LeftOn(0.4, name="more"), layers.Dense(1)
            ),
        ),
        (["dice"], lambda: chain((5,), layers.Dense(8), Dice(name="dice"), layers.Dense(1))),
        (
            ["encoder/counter"],
            lambda: chain((5,), encoder(layers.Dense(4), Counter(name="counter")), layers.Dense(1)),
        ),
        (["memory"], stateful_lstm),
    ],
)
def test_repeated_runs_agree_with_the_culprits_held(paths: list[str], build: Any) -> None:
    found = toggled("hold-repeat", build())
    assert (found["held"], found["left"]) == (paths, 0.0)
    assert found["before"] > 0


def baked() -> tuple[Any, Any]:
    """training=True written into a functional graph."""
    inputs = keras.Input((5,))
    hidden = layers.BatchNormalization(name="bn")(layers.Dense(4)(inputs), training=True)
    return keras.Model(inputs, layers.Dense(1)(hidden)), {inputs.name: normal(5)}


@pytest.mark.parametrize(
    ("paths", "build"),
    [
        (
            ["default"],
            lambda: chain((5,), layers.Dense(4), TrainedByDefault(name="default"), layers.Dense(1)),
        ),
        (
            ["encoder/default"],
            lambda: chain((5,), encoder(layers.Dense(4), TrainedByDefault(name="default")), layers.Dense(1)),
        ),
        (
            ["one", "two"],
            lambda: chain((5,), TrainedByDefault(name="one"), layers.Dense(4), TrainedByDefault(name="two")),
        ),
        (
            ["shift"],
            lambda: chain(
                (4, 4, 1), layers.RandomTranslation(0.4, 0.4, seed=1, name="shift"), layers.Flatten()
            ),
        ),
        (["bn"], baked),
    ],
)
def test_a_bare_call_is_inference_with_the_flag_given_to_the_culprits(paths: list[str], build: Any) -> None:
    found = toggled("hold-training", build())
    assert (found["held"], found["left"]) == (paths, 0.0)
    assert found["before"] > 0


@pytest.mark.parametrize("name", ["hold-companions", "hold-repeat", "hold-training"])
def test_nothing_is_held_where_nothing_differs(name: str) -> None:
    assert toggled(name, mlp()) == {}


def test_more_culprits_than_can_be_held_are_told() -> None:
    parts = [part for at in range(8) for part in (layers.Dense(4), Leak(1e-3, name=f"leak_{at}"))]
    found = toggled("hold-companions", chain((5,), *parts, layers.Dense(1)))
    assert found["held"] == [f"leak_{at}" for at in range(6)]
    assert 0 < found["left"] < found["before"]
    assert found["then"] == "leak_6"


def test_where_the_flag_is_not_the_cause_passing_it_leaves_all_of_the_symptom() -> None:
    model, rows = chain((5,), layers.Dense(4, name="bystander"), Leak(1e-2, name="leak"), layers.Dense(1))
    values = next(iter(rows.values()))

    def run(shift: float) -> Any:
        return lambda: model(np.concatenate([values[:4], values[4:] + shift]), training=False)

    experiment = Experiment(reference=run(0.0), candidate=run(1.0), batch=10, kept=np.arange(10) < 4)
    found = without_training(experiment)
    assert found["left"] == found["before"] > 0
    assert held(experiment)["left"] == 0.0


def test_keras_is_put_back_even_where_the_model_raises() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    with pytest.raises(Exception, match="incompatible"):
        TOGGLE["hold-repeat"](session_of(mlp()), {"x": normal(99)})
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before


def test_masks_travel_with_what_is_held() -> None:
    """Behind a held Embedding the LSTM still skips what is masked."""
    ids = np.random.default_rng(1).integers(1, 9, (10, 6)).astype("int32")
    ids[:, 4:] = 0
    inputs = keras.Input((6,), dtype="int32")
    leak = Leak(1e-2, name="leak")
    leak.supports_masking = True
    hidden = leak(layers.Embedding(9, 3, mask_zero=True)(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(4)(hidden)))
    found = toggled("hold-companions", (model, {inputs.name: ids}))
    assert (found["held"], found["left"]) == (["leak"], 0.0)
