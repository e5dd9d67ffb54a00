"""Routes that measure: bad rows, gradients by name, and what a call costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.routes.calling.probes import PROBE_ROUTES, ROWS_ROUTE
from tests.helpers.live_models import (
    Boxes,
    Counter,
    chain,
    dict_inputs,
    dict_subclassed,
    mlp,
    named_rows,
    normal,
    session_of,
    stateful,
    strings,
)
from tests.helpers.scaled_subjects import RAW, SCALER, Setting

TABLE = {route.name: route for route in (ROWS_ROUTE, *PROBE_ROUTES)}


def gradients(built: tuple[Any, Any]) -> dict[str, dict[str, float | None]]:
    """What the gradient route says about a live model."""
    session = session_of(built)
    found: dict[str, dict[str, float | None]] = (
        TABLE["gradients"].run(session, named_rows(built[1], session.facts)).details["gradients"]
    )
    return found


def test_bad_rows_are_marked_by_input() -> None:
    rows = {"a": normal(3, rows=4), "b": np.arange(4), "c": np.array(["x", "y", "z", "nan"])}
    rows["a"][1, 2], rows["a"][3, 0] = np.nan, -np.inf
    marked = TABLE["rows"].run(session_of(mlp()), rows).outputs
    assert {name: values.tolist() for name, values in marked.items()} == {
        "a": [False, True, False, True],
        "b": [False] * 4,
        "c": [False] * 4,
    }


def test_gradients_of_a_linear_model_are_its_weights() -> None:
    model, rows = chain((3,), layers.Dense(1, name="head"))
    (name,) = rows
    weights = np.abs(np.asarray(model.get_layer("head").kernel)).max()
    (found,) = gradients((model, rows)).values()
    assert set(found) == {name}
    assert 0.5 * weights <= (found[name] or 0.0) <= 1.5 * weights


def test_a_softmax_head_has_gradients() -> None:
    (found,) = gradients(mlp()).values()
    assert all((size or 0.0) > 0 for size in found.values())


def test_inputs_that_do_not_count_are_told_from_those_that_do() -> None:
    used, idle = keras.Input((2,), name="used"), keras.Input((2,), name="idle")
    inputs = {"used": used, "idle": idle}
    model = keras.Model(
        inputs, {"cut": keras.ops.stop_gradient(used) + 0.0 * idle, "sum": layers.Dense(1)(used)}
    )
    found = gradients((model, {"used": normal(2), "idle": normal(2)}))
    assert found["cut"] == {"idle": 0.0, "used": None}
    assert found["sum"]["idle"] is None
    assert (found["sum"]["used"] or 0.0) > 0


def test_float_inputs_alone_have_gradients() -> None:
    found = gradients(dict_inputs())
    assert {output: set(by_input) for output, by_input in found.items()} == {
        "a": {"numbers"},
        "b": {"numbers"},
    }


def test_gradients_of_a_subclassed_model_are_named_by_its_keys() -> None:
    found = gradients(dict_subclassed())
    assert {
        output: {name for name, size in by_input.items() if size} for output, by_input in found.items()
    } == {"large": {"a"}, "small": {"b"}}


def test_gradients_that_are_not_finite_are_nan() -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.ops.sqrt(inputs * 0.0))
    (found,) = gradients((model, {inputs.name: normal(2)})).values()
    assert all(np.isnan(size) for size in found.values() if size is not None)
    assert found


def test_gradients_need_a_float_input_and_tensorflow(wording: SnapshotAssertion) -> None:
    facts = session_of(strings()).facts
    reasons = [TABLE["gradients"].unavailable(each) for each in (facts, replace(facts, backend="torch"))]
    assert reasons == wording
    untold = replace(facts, inputs=(InputFact(name="x", shape=(None, 2), dtype=""),))
    assert TABLE["gradients"].unavailable(untold) is None


@pytest.mark.parametrize("build", [mlp, stateful])
def test_costs_are_told_for_one_row_and_for_many(build: Any) -> None:
    built = build()
    details = TABLE["costs"].run(session_of(built), built[1]).details
    assert details["rows"] == len(next(iter(built[1].values())))
    assert set(details["seconds_a_row"]) == {"predict", "call", "compiled"}
    assert all(
        times.keys() == {"one", "many"} and min(times.values()) > 0
        for times in details["seconds_a_row"].values()
    )


def test_costs_are_those_of_warm_calls() -> None:
    model, rows = chain((5,), Counter(name="counter"))
    model.compile(run_eagerly=True)
    before = model.get_layer("counter").calls
    TABLE["costs"].run(session_of((model, rows)), rows)
    # predict is warmed up and timed once, the cheap ways are timed twice; ten rows make three batches, one row makes one.
    warm_and_timed = {"predict": 2, "call": 3, "compiled": 3}
    assert model.get_layer("counter").calls - before == sum(warm_and_timed.values()) * (3 + 1)


def test_whole_numbers_given_for_a_float_input_have_gradients() -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(1)])
    rows = {"x": np.arange(12).reshape(4, 3)}
    session = session_of((model, rows))
    route = next(route for route in PROBE_ROUTES if route.name == "gradients")
    (by_input,) = route.run(session, rows).details["gradients"].values()
    assert list(by_input) == ["x"]
    assert by_input["x"] > 0


def test_rows_are_handed_over_as_they_were_given_and_as_the_model_gets_them(tmp_path: Path) -> None:
    setting = Setting(tmp_path, scaler=SCALER)
    found = setting.run("given-rows")
    (given,), (fed,) = found.outputs.values(), (found.baseline or {}).values()
    assert np.array_equal(given, RAW)
    assert np.allclose(fed, SCALER.transform(RAW))


def test_an_operation_without_a_gradient_is_told() -> None:
    model, rows = chain((6,), layers.Dense(4), Boxes())
    session = session_of((model, rows))
    refused = TABLE["gradients"].run(session, named_rows(rows, session.facts)).details["refused"]
    assert refused.startswith("LookupError: ")
