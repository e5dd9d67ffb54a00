"""Time per row of the ways to call the model."""

from __future__ import annotations

from typing import Any

import pytest
from keras import layers

from keras_consistency_cli.routes.calling import costs
from keras_consistency_cli.routes.calling.costs import COST_ROUTES
from tests.helpers.live_models import Counter, chain, heavy_session, mlp, session_of, stateful

(ROUTE,) = COST_ROUTES


@pytest.mark.parametrize("build", [mlp, stateful])
def test_costs_are_measured_for_one_row_and_for_many(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_LONG", 1e9)  # on a busy machine every call is a long one
    built = build()
    details = ROUTE.run(session_of(built), built[1]).details
    assert details["rows"] == min(len(next(iter(built[1].values()))), session_of(built).batch_size)
    assert set(details["seconds_a_row"]) == {"predict", "call", "compiled"}
    assert all(
        times.keys() == {"one", "many"} and min(times.values()) > 0
        for times in details["seconds_a_row"].values()
    )


def test_only_warm_calls_are_timed() -> None:
    model, rows = chain((5,), Counter(name="counter"))
    model.compile(run_eagerly=True)
    before = model.get_layer("counter").calls
    ROUTE.run(session_of((model, rows)), rows)
    # Each way is warmed up and timed once, the cheapest one twice; for one row and for one batch.
    warm_and_timed = {"predict": 2, "call": 2, "compiled": 3}
    assert model.get_layer("counter").calls - before == sum(warm_and_timed.values()) * 2


def test_a_long_call_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_LONG", 0.0)
    monkeypatch.setattr(costs, "_TRACED_SHARE", 1.0)  # Keras traces the functions of its data in any case
    model, rows = chain((5,), Counter(name="counter"))
    model.compile(run_eagerly=True)
    before = model.get_layer("counter").calls
    ROUTE.run(session_of((model, rows)), rows)
    # A long call that compiles nothing is not repeated; an eager one is not measured for many rows.
    assert model.get_layer("counter").calls - before == 2 + 1 + 2


@pytest.mark.parametrize(("steps", "ways"), [(128, 3), (129, 2)])
def test_a_long_eager_loop_is_not_measured(steps: int, ways: int) -> None:
    built = chain((steps, 1), layers.SimpleRNN(1), rows=2)
    assert len(ROUTE.run(session_of(built), built[1]).details["seconds_a_row"]) == ways


def test_eager_calls_of_a_heavy_model_are_not_measured() -> None:
    built = chain((5,), layers.Dense(2))
    assert set(ROUTE.run(heavy_session(built), built[1]).details["seconds_a_row"]) == {"predict", "compiled"}
