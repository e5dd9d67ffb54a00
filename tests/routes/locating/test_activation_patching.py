"""Patching the layer at fault removes the symptom; code between layers is not blamed on a layer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.locating.activation_patching import (
    Experiment,
    disable_training,
    patch_layers,
)
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
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

INTERVENTIONS = {route.name: route.run for route in INTERVENTION_ROUTES}


def intervene(name: str, built: tuple[Any, Any]) -> dict[str, Any]:
    """The details of an intervention on a live model."""
    return measured(INTERVENTIONS[name], built)


def shared() -> tuple[Any, Any]:
    """One leaking layer, called twice."""
    leak, inputs = Leak(1e-3, name="leak"), keras.Input((5,))
    return keras.Model(inputs, layers.Dense(1)(leak(layers.Dense(5)(leak(inputs))))), {inputs.name: normal(5)}


class TwoHeads(layers.Layer):
    """Returns two tensors; one of them mixes neighbours."""

    def call(self, inputs: Any) -> tuple[Any, Any]:
        return inputs * 2.0, inputs - ops.mean(inputs, axis=0, keepdims=True)


class InItsHeads(keras.Model):
    """A subclassed model with a leaking layer that returns several tensors."""

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
def test_neighbours_change_nothing_if_the_layers_at_fault_are_patched(paths: tuple[str, ...]) -> None:
    found = intervene("hold-companions", CROSSING[paths]())
    assert (tuple(found["held"]), found["left"]) == (paths, 0.0)
    assert found["before"] > 0


def test_a_shared_layer_is_patched_at_every_call() -> None:
    found = intervene("hold-companions", shared())
    assert (found["held"], found["left"]) == (["leak"], 0.0)


def test_code_between_the_layers_of_a_model_is_not_blamed_on_a_layer() -> None:
    found = intervene("hold-companions", subclassed(InItsCall()))
    assert (found["held"], found["own_code"], found["left"]) == ([], "InItsCall", None)
    assert found["before"] > 0


def test_code_between_the_layers_of_a_layer_is_patched_with_it() -> None:
    found = intervene(
        "hold-companions", chain((5,), layers.Dense(4), InABlock(name="block"), layers.Dense(1))
    )
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
def test_repeated_runs_agree_if_the_layers_at_fault_are_patched(paths: list[str], build: Any) -> None:
    found = intervene("hold-repeat", build())
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
def test_a_bare_call_is_inference_if_the_layers_get_training_false(paths: list[str], build: Any) -> None:
    found = intervene("hold-training", build())
    assert (found["held"], found["left"]) == (paths, 0.0)
    assert found["before"] > 0


@pytest.mark.parametrize("name", ["hold-companions", "hold-repeat", "hold-training"])
def test_nothing_is_patched_if_nothing_differs(name: str) -> None:
    assert intervene(name, mlp()) == {}


def test_the_next_layer_is_reported_if_too_many_are_at_fault() -> None:
    parts = [part for at in range(8) for part in (layers.Dense(4), Leak(1e-3, name=f"leak_{at}"))]
    found = intervene("hold-companions", chain((5,), *parts, layers.Dense(1)))
    assert found["held"] == [f"leak_{at}" for at in range(6)]
    assert 0 < found["left"] < found["before"]
    assert found["then"] == "leak_6"


def test_training_false_changes_nothing_if_the_flag_is_not_the_cause() -> None:
    model, rows = chain((5,), layers.Dense(4, name="bystander"), Leak(1e-2, name="leak"), layers.Dense(1))
    values = next(iter(rows.values()))

    def run(shift: float) -> Any:
        return lambda: model(np.concatenate([values[:4], values[4:] + shift]), training=False)

    experiment = Experiment(reference=run(0.0), candidate=run(1.0), batch=10, kept=np.arange(10) < 4)
    found = disable_training(experiment)
    assert found["left"] == found["before"] > 0
    assert patch_layers(experiment)["left"] == 0.0


def test_keras_is_restored_if_the_model_raises() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    with pytest.raises(Exception, match="incompatible"):
        INTERVENTIONS["hold-repeat"](session_of(mlp()), {"x": normal(99)})
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before


def test_patched_outputs_keep_their_mask() -> None:
    """After a patched layer the LSTM still skips masked time steps."""
    ids = np.random.default_rng(1).integers(1, 9, (10, 6)).astype("int32")
    ids[:, 4:] = 0
    inputs = keras.Input((6,), dtype="int32")
    leak = Leak(1e-2, name="leak")
    leak.supports_masking = True
    hidden = leak(layers.Embedding(9, 3, mask_zero=True)(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(4)(hidden)))
    found = intervene("hold-companions", (model, {inputs.name: ids}))
    assert (found["held"], found["left"]) == (["leak"], 0.0)
