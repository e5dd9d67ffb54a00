"""Routes that call the model: the training argument, the layers that depend on it, graph and XLA."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.calling.direct_call import CALLING_ROUTES
from keras_consistency_cli.routes.trace import Result
from tests.helpers.live_models import (
    HEALTHY,
    Block,
    TrainedByDefault,
    chain,
    mlp,
    named_rows,
    session_of,
    strings,
)

TABLE = {route.name: route for route in CALLING_ROUTES}


def run(name: str, built: tuple[Any, Any]) -> Result:
    """One route on a live model."""
    session = session_of(built)
    return TABLE[name].run(session, named_rows(built[1], session.facts))


def only(result: Result) -> np.ndarray:
    """The values of a model with one output."""
    (values,) = result.outputs.values()
    return values


@pytest.mark.parametrize("name", ["call", "bare-call", "graph", "xla"])
def test_a_healthy_model_has_the_outputs_of_predict(name: str) -> None:
    model, rows = mlp()
    result = run(name, (model, rows))
    wanted = model.predict(*rows.values(), verbose=0)
    positions = slice(None) if result.rows is None else result.rows
    np.testing.assert_allclose(only(result), wanted[positions], atol=1e-6)
    assert len(only(result)) == (10 if name == "call" else 4)


def test_training_is_false_absent_or_true() -> None:
    model, rows = chain((5,), TrainedByDefault(name="default"))
    (values,) = rows.values()
    assert np.array_equal(only(run("call", (model, rows))), values)
    assert np.array_equal(only(run("bare-call", (model, rows))), values[:4] * 2)
    assert np.array_equal(only(run("training-call", (model, rows))), values[:4] * 2)
    assert np.array_equal(only(run("graph", (model, rows))), values[:4])


def test_each_class_that_depends_on_training_is_measured_alone() -> None:
    parts = [
        layers.Dense(6, name="dense"),
        layers.BatchNormalization(name="norm"),
        layers.Dropout(0.5, seed=1, name="drop"),
    ]
    built = chain(
        (5,), *parts, TrainedByDefault(name="default"), layers.GaussianNoise(0.0, seed=2, name="silent")
    )
    result = run("training-call", built)
    effects = {effect["kind"]: effect for effect in result.details["effects"]}
    assert {kind: effect["layers"] for kind, effect in effects.items() if kind != "Dense"} == {
        "BatchNormalization": ["norm"],
        "Dropout": ["drop"],
        "TrainedByDefault": ["default"],
        "GaussianNoise": ["silent"],
    }
    moved = {kind for kind, effect in effects.items() if effect["max_abs"] > 0}
    assert moved == {"BatchNormalization", "Dropout", "TrainedByDefault"}
    assert effects["TrainedByDefault"]["max_abs"] == pytest.approx(np.abs(only(run("call", built))[:4]).max())


def test_layers_of_keras_that_drop_nothing_are_not_measured() -> None:
    parts = [
        layers.LSTM(4, return_sequences=True),
        layers.MultiHeadAttention(2, 3),
        layers.GRU(4, dropout=0.5),
    ]
    x = keras.Input((6, 3))
    sequence = parts[0](x)
    model = keras.Model(x, parts[2](layers.Dropout(0.0)(parts[1](sequence, sequence))))
    rows = {model.inputs[0].name: np.random.default_rng(1).normal(size=(8, 6, 3)).astype("float32")}
    effects = run("training-call", (model, rows)).details["effects"]
    assert [effect["kind"] for effect in effects if effect["max_abs"] > 0] == ["GRUCell"]
    assert {"LSTMCell", "MultiHeadAttention", "Dropout"}.isdisjoint(effect["kind"] for effect in effects)


def test_a_layer_inside_another_is_switched_on_too() -> None:
    built = chain((5,), Block(TrainedByDefault(name="inner"), name="block"))
    (effect,) = run("training-call", built).details["effects"]
    assert (effect["kind"], effect["layers"]) == ("TrainedByDefault", ["block/inner"])
    built = chain((5,), Block(layers.Dropout(0.5, seed=1, name="inner"), name="block"))
    (effect,) = run("training-call", built).details["effects"]
    assert effect["layers"] == ["block/inner"]
    assert effect["max_abs"] > 0


def test_the_effect_of_randomness_is_the_same_in_every_process() -> None:
    effects, seeds = [], []
    for seed in (1, 2):
        # Without a seed of its own, a layer draws one whenever it is loaded.
        random = (
            layers.Dropout(0.5, seed=seed, name="drop"),
            layers.GaussianNoise(0.1, seed=seed, name="noise"),
        )
        seeds.append([layer.seed_generator.state.numpy().tolist() for layer in random])
        effects.append(run("training-call", chain((5,), *random)).details["effects"])
    assert effects[0] == effects[1]
    assert all(effect["max_abs"] > 0 for effect in effects[0])
    assert seeds[0] != seeds[1]


def test_keras_is_restored_after_layers_ran_in_training_mode() -> None:
    before = keras.layers.Layer.__call__
    run("training-call", chain((5,), layers.Dropout(0.5)))
    assert keras.layers.Layer.__call__ is before


@pytest.mark.parametrize("name", ["dict inputs", "string inputs", "subclassed", "dict subclassed"])
def test_every_kind_of_model_can_be_called(name: str) -> None:
    built = HEALTHY[name]()
    eager, graph = run("call", built), run("graph", built)
    for output, values in graph.outputs.items():
        np.testing.assert_allclose(eager.outputs[output][: len(values)], values, atol=1e-6)
    assert eager.outputs.keys() == graph.outputs.keys() == run("bare-call", built).outputs.keys()


def test_a_route_that_cannot_run_gives_the_reason(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    assert [TABLE[name].unavailable(facts) for name in ("graph", "xla")] == [None, None]
    on_jax = replace(facts, backend="jax")
    on_other_backend = {TABLE[name].unavailable(on_jax) for name in ("graph", "xla")}
    assert len(on_other_backend) == 1
    assert [TABLE["xla"].unavailable(session_of(strings()).facts), *on_other_backend] == wording


class Traced(layers.Layer):
    """Doubles its inputs, and counts how often Python runs it."""

    runs = 0

    def call(self, x: Any) -> Any:
        type(self).runs += 1  # an attribute of the layer would be restored
        return 2.0 * x


def test_xla_compiles_the_step_that_is_traced_already() -> None:
    model, rows = chain((5,), Traced(name="traced"), layers.Dense(2))
    session = session_of((model, rows))
    doubled = only(TABLE["graph"].run(session, rows))
    runs = Traced.runs
    np.testing.assert_allclose(only(TABLE["xla"].run(session, rows)), doubled, rtol=1e-5)
    assert Traced.runs == runs


def test_xla_traces_the_model_if_it_refuses_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_rows: Any) -> Any:
        raise ValueError("an unknown number of rows")

    model, rows = chain((5,), Traced(name="traced"), layers.Dense(2))
    session = session_of((model, rows))
    doubled = only(TABLE["graph"].run(session, rows))
    monkeypatch.setattr(session, "xla_step", refuse)
    runs = Traced.runs
    np.testing.assert_allclose(only(TABLE["xla"].run(session, rows)), doubled, rtol=1e-5)
    assert Traced.runs == runs + 1
