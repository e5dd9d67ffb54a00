"""Routes about state, on live stateful models: nested, bidirectional, of one row a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

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


MODELS: dict[str, Callable[[], Any]] = {"lstm": stateful, "nested": nested, "one row a batch": single}


@pytest.mark.parametrize("name", MODELS)
def test_a_reset_brings_back_the_first_answers(name: str) -> None:
    built = MODELS[name]()
    session = session_of(built)
    (fresh,) = session.predict(built[1]).values()
    (carried,) = session.predict(built[1]).values()
    assert not np.array_equal(fresh, carried), "no state: the test shows nothing"
    session.restore()
    (again,) = TABLE["predict-reset"].run(session, built[1]).outputs.values()
    assert np.array_equal(fresh, again)


@pytest.mark.parametrize("name", MODELS)
def test_memory_decays_and_nan_poisons(name: str) -> None:
    built = MODELS[name]()
    found = TABLE["state-memory"].run(session_of(built), built[1]).details
    # Both directions cannot be fed one step at a time: they are followed batch by batch.
    batches = len(next(iter(built[1].values()))) // session_of(built).batch_size
    assert (found["steps"], len(found["curve"])) == ((4, batches) if name == "nested" else (1, 4 * batches))
    assert 0 < found["curve"][0] < 10 * found["scale"]
    assert found["curve"][-1] < found["curve"][0]
    assert (found["poisoned"], found["healed"]) == (True, True)


def test_the_curve_is_that_of_whole_rows_fed_to_a_fresh_and_a_used_model() -> None:
    """Answers for each step, and one answer for a row: after each row the distances are the same."""
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
        .run(session_of((each, {})), {each.inputs[0].name: next(iter(rows.values()))})
        .details
        for each in (model, last)
    )
    assert (whole["steps"], single["steps"]) == (1, 1)
    assert np.allclose(whole["curve"], single["curve"], atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_saving_loses_the_state_and_copying_keeps_it(name: str) -> None:
    built = MODELS[name]()
    found = TABLE["state-saved"].run(session_of(built), built[1]).details
    assert found["copied"] is True
    assert found["lost"] > 0.001 * found["scale"] > 0


def test_predict_without_a_batch_size() -> None:
    told = {
        name: TABLE["state-memory"].run(session_of(build()), build()[1]).details["default_predict"]
        for name, build in MODELS.items()
    }
    assert told["one row a batch"] == "ValueError"
    assert "answers" not in told.values()


@pytest.mark.parametrize("route", TABLE)
@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_left_as_it_was(name: str, route: str) -> None:
    built = MODELS[name]()
    session, before = session_of(built), state_of(built[0])
    TABLE[route].run(session, built[1])
    session.restore()
    assert state_of(built[0]) == before


def test_reset_reaches_nested_layers() -> None:
    model, rows = nested()
    model.predict(*rows.values(), batch_size=2, verbose=0)
    reset_states(model)
    states = [
        np.asarray(state) for state in model.get_layer("encoder").get_layer("both").forward_layer.states
    ]
    assert all(not state.any() for state in states)


def test_stateless_models_cost_nothing() -> None:
    assert {route.unavailable(describe_model(mlp()[0])) for route in STATE_ROUTES} == {
        "no layer carries state"
    }
