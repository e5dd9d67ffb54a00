"""Routes about state, on live stateful models: nested, bidirectional, and with one row per batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.sequences.states import STATE_ROUTES
from keras_consistency_cli.routes.session.state_reset import reset_states
from tests.helpers.live_models import chain, mlp, normal, session_of, state_of, stateful

TABLE = {route.name: route for route in STATE_ROUTES}


def nested() -> tuple[Any, dict[str, np.ndarray]]:
    inner_series, series = keras.Input((4, 3), batch_size=2), keras.Input((4, 3), batch_size=2, name="x")
    inner = keras.Model(
        inner_series,
        layers.Bidirectional(layers.GRU(3, stateful=True), name="both")(inner_series),
        name="encoder",
    )
    return keras.Model(series, layers.Dense(1)(inner(series))), {"x": normal(4, 3, rows=8)}


def single() -> tuple[Any, dict[str, np.ndarray]]:
    return chain(
        (4, 3), layers.RNN(layers.SimpleRNNCell(4), stateful=True), layers.Dense(1), rows=5, batch_size=1
    )


MODELS: dict[str, Callable[[], Any]] = {"lstm": stateful, "nested": nested, "one row per batch": single}


@pytest.mark.parametrize("name", MODELS)
def test_a_reset_restores_the_first_outputs(name: str) -> None:
    built = MODELS[name]()
    session = session_of(built)
    (fresh,) = session.predict(built[1]).values()
    (carried,) = session.predict(built[1]).values()
    assert not np.array_equal(fresh, carried), "no state: the test shows nothing"
    session.restore()
    (again,) = TABLE["predict-reset"].run(session, built[1]).outputs.values()
    assert np.array_equal(fresh, again)


@pytest.mark.parametrize("name", MODELS)
def test_predict_from_reset_gives_each_batch_the_outputs_of_the_first(name: str) -> None:
    built = MODELS[name]()
    session, before = session_of(built), state_of(built[0])
    (outputs,) = TABLE["predict-from-reset"].run(session, built[1]).outputs.values()
    for value, same in zip(before, state_of(built[0]), strict=True):
        np.testing.assert_array_equal(value, same)
    (rows,) = built[1].values()
    size = session.facts.batch_size or 1
    moved = {next(iter(built[1])): np.roll(rows, size, axis=0)}
    (turned,) = TABLE["predict-from-reset"].run(session, moved).outputs.values()
    assert np.array_equal(np.roll(outputs, size, axis=0), turned), "a batch does not depend on the one before"
    session.restore()
    (carried,) = session.predict(built[1]).values()
    assert np.array_equal(carried[:size], outputs[:size])
    assert not np.array_equal(carried, outputs)


@cache
def ran(name: str, route: str) -> tuple[Mapping[str, Any], bool]:
    """Run a route on a model; return its details, and whether the model is as it was."""
    keras.utils.set_random_seed(4)
    built = MODELS[name]()
    session, before = session_of(built), state_of(built[0])
    details = TABLE[route].run(session, built[1]).details
    session.restore()
    return MappingProxyType(details), state_of(built[0]) == before


@pytest.mark.parametrize("name", MODELS)
def test_memory_decays_and_nan_spoils_later_batches(name: str) -> None:
    details, _ = ran(name, "state-memory")
    model, rows = MODELS[name]()
    # A bidirectional layer cannot be fed one time step at a time, so it is measured by batch.
    batches = len(next(iter(rows.values()))) // session_of((model, rows)).batch_size
    assert (details["steps"], len(details["curve"])) == (
        (4, batches) if name == "nested" else (1, 4 * batches)
    )
    assert 0 < details["curve"][0] < 10 * details["scale"]
    assert details["curve"][-1] < details["curve"][0]
    assert (details["poisoned"], details["healed"]) == (True, True)


def test_the_curve_is_the_same_with_outputs_per_step_and_per_row() -> None:
    """After each row, the differences of the two models are the same."""
    model, rows = chain(
        (4, 3),
        layers.GRU(5, stateful=True, return_sequences=True, name="gru"),
        layers.Dense(1),
        rows=6,
        batch_size=2,
    )
    last = keras.Sequential(
        [keras.Input((4, 3), batch_size=2), layers.GRU(5, stateful=True, name="gru"), layers.Dense(1)]
    )
    last.set_weights(model.get_weights())
    whole, single = (
        TABLE["state-memory"]
        .run(session_of((network, {})), {network.inputs[0].name: next(iter(rows.values()))})
        .details
        for network in (model, last)
    )
    assert (whole["steps"], single["steps"]) == (1, 1)
    assert np.allclose(whole["curve"], single["curve"], atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_saving_loses_the_state_and_copying_keeps_it(name: str) -> None:
    details, _ = ran(name, "state-saved")
    assert details["copied"] is True
    assert details["lost"] > 0.001 * details["scale"] > 0


def test_predict_without_a_batch_size_fails() -> None:
    results = {name: ran(name, "state-memory")[0]["default_predict"] for name in MODELS}
    assert results["one row per batch"] == "ValueError"
    assert "answers" not in results.values()


@pytest.mark.parametrize("route", TABLE)
@pytest.mark.parametrize("name", MODELS)
def test_the_model_stays_as_it_was(name: str, route: str) -> None:
    assert ran(name, route)[1]


def test_reset_reaches_nested_layers() -> None:
    model, rows = nested()
    model.predict(*rows.values(), batch_size=2, verbose=0)
    reset_states(model)
    states = [
        np.asarray(state) for state in model.get_layer("encoder").get_layer("both").forward_layer.states
    ]
    assert all(not state.any() for state in states)


def test_models_without_state_are_left_out(wording: SnapshotAssertion) -> None:
    (reason,) = {route.unavailable(describe_model(mlp()[0])) for route in STATE_ROUTES}
    assert reason == wording
