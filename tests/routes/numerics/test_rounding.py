"""Routes of rounding, on live models: healthy ones stay near the rounding noise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.rounding import rounding_excess
from keras_consistency_cli.routes.numerics.rounding import ROUNDING_ROUTES
from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import HEALTHY, chain, mlp, named_rows, session_of
from tests.helpers.rounding_layers import Coarse, ReloadedDifferently, Spread

TABLE = {route.name: route for route in (*ROUNDING_ROUTES, *ROUNDING_LOCATORS)}
LOW = {"mixed_float16"}


def measure_excess(built: tuple[Any, Any]) -> float:
    """Return the greatest excess over rounding of any output."""
    float64_copy, rows = float64_copy_of(built)
    result = TABLE["rounded-layers"].run(float64_copy, rows)
    few = {name: values[result.rows] for name, values in rows.items()}
    own, exact = (RowOutputs(outputs=session.step(few)) for session in (float64_copy.original, float64_copy))
    return max(
        rounding_excess(each)
        for each in compare(
            ("rounded", "predict"), RowOutputs(outputs=result.outputs), own, float64_copy=exact
        )
    )


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_healthy_models_stay_near_rounding(name: str) -> None:
    excess_over_rounding = measure_excess(HEALTHY[name]())
    assert excess_over_rounding > 100 if name in LOW else 0 < excess_over_rounding < 8


def test_inputs_that_cancel_count_as_rounding() -> None:
    model, rows = chain((64,), layers.Dense(1))
    kernel = model.layers[-1].kernel
    kernel.assign(kernel - ops.mean(kernel))
    assert measure_excess((model, {name: values + np.float32(1e5) for name, values in rows.items()})) < 8


def test_values_that_cancel_inside_a_layer_count_as_rounding() -> None:
    keras.utils.set_random_seed(1)
    built = chain((12,), layers.Dense(24, activation="tanh"), Spread(name="odd"), layers.Dense(3), rows=40)
    assert 0.2 < measure_excess(built) < 8
    float64_copy, rows = float64_copy_of(built)
    assert TABLE["locate-rounding"].run(float64_copy, rows).details["layer"] == "odd"


def test_operations_are_only_rounded_if_layers_do_not_explain_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never() -> Any:
        raise AssertionError("operations were rounded")

    monkeypatch.setattr("keras_consistency_cli.routes.numerics.rounding.rounding_operations", never)
    for name in ("mlp", "lstm"):
        assert measure_excess(HEALTHY[name]()) < 8


def test_a_float64_copy_that_is_a_different_model_is_far_beyond() -> None:
    assert (
        measure_excess(chain((4,), layers.Dense(5), ReloadedDifferently(name="odd"), layers.Dense(1))) > 1e4
    )


def test_hidden_half_precision_is_named() -> None:
    built = chain((4,), layers.Dense(5), Coarse(name="odd"), layers.Dense(1))
    session = session_of(built)
    (first, *_) = TABLE["low-operations"].run(session, named_rows(built[1], session.facts)).details["low"]
    assert "/odd" in first
    assert "float16" in first


def test_full_precision_has_no_low_operations() -> None:
    built = mlp()
    session = session_of(built)
    assert TABLE["low-operations"].run(session, named_rows(built[1], session.facts)).details == {"low": []}


def test_models_with_a_policy_below_float32_are_left_out(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    assert TABLE["low-operations"].unavailable(facts) is None
    lowered = type(facts)(
        **{**vars(facts), "low_precision": ("mixed_float16",), "layers": (LayerFact(path="a", kind="Dense"),)}
    )
    assert TABLE["low-operations"].unavailable(lowered) == wording


def test_the_calls_of_keras_stay_as_they_were() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    measure_excess(mlp())
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before
