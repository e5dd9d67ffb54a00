"""Gradients by output and input, and the reasons why there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.routes.calling.gradients import GRADIENT_ROUTES
from tests.helpers.live_models import (
    Boxes,
    chain,
    dict_inputs,
    dict_subclassed,
    mlp,
    named_rows,
    normal,
    session_of,
    strings,
)

(ROUTE,) = GRADIENT_ROUTES


def gradients(built: tuple[Any, Any]) -> dict[str, dict[str, float | None]]:
    """The sizes of gradients in a live model."""
    session = session_of(built)
    found: dict[str, dict[str, float | None]] = ROUTE.run(
        session, named_rows(built[1], session.facts)
    ).details["gradients"]
    return found


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


def test_inputs_without_effect_have_no_gradient() -> None:
    used, idle = keras.Input((2,), name="used"), keras.Input((2,), name="idle")
    inputs = {"used": used, "idle": idle}
    model = keras.Model(
        inputs, {"cut": keras.ops.stop_gradient(used) + 0.0 * idle, "sum": layers.Dense(1)(used)}
    )
    found = gradients((model, {"used": normal(2), "idle": normal(2)}))
    assert found["cut"] == {"idle": 0.0, "used": None}
    assert found["sum"]["idle"] is None
    assert (found["sum"]["used"] or 0.0) > 0


def test_outputs_behind_bins_react_to_inputs_near_zero() -> None:
    inputs = keras.Input((2,), name="x")
    bins = layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0])(inputs)
    looked_up = layers.Flatten()(layers.Embedding(4, 3)(bins))
    own = keras.ops.ones_like(inputs) * 0.25
    model = keras.Model(
        inputs, {"binned": layers.Dense(1)(looked_up), "own": own, "sum": layers.Dense(1)(inputs)}
    )
    session = session_of((model, {"x": normal(2) + 40.0}))
    details = ROUTE.run(session, {"x": normal(2) + 40.0}).details
    assert details["reacting"] == ["binned"]
    assert [size for size in details["gradients"]["binned"].values() if size] == []


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
    reasons = [ROUTE.unavailable(each) for each in (facts, replace(facts, backend="torch"))]
    assert reasons == wording
    untold = replace(facts, inputs=(InputFact(name="x", shape=(None, 2), dtype=""),))
    assert ROUTE.unavailable(untold) is None


def test_whole_numbers_given_for_a_float_input_have_gradients() -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(1)])
    rows = {"x": np.arange(12).reshape(4, 3)}
    session = session_of((model, rows))
    (by_input,) = ROUTE.run(session, rows).details["gradients"].values()
    assert list(by_input) == ["x"]
    assert by_input["x"] > 0


def test_an_operation_without_a_gradient_is_reported() -> None:
    model, rows = chain((6,), layers.Dense(4), Boxes())
    session = session_of((model, rows))
    refused = ROUTE.run(session, named_rows(rows, session.facts)).details["refused"]
    assert refused.startswith("LookupError: ")
