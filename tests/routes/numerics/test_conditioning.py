"""Routes of conditioning, on float64 copies of live models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.routes.numerics.conditioning import CHANGE, CONDITIONING_ROUTES, UNROUNDED
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import HEALTHY, chain, dict_inputs, mlp, session_of, state_of, strings

ROUTES = {route.name: route for route in CONDITIONING_ROUTES}
TABLE = {name: route for name, route in ROUTES.items() if name != UNROUNDED}


def amplification(route: str, built: tuple[Any, Any]) -> float:
    float64_copy, rows = float64_copy_of(built)
    reference = float64_copy.step({name: values[:4] for name, values in rows.items()})
    changed = TABLE[route].run(float64_copy, rows).outputs
    return max(
        float(np.sqrt(np.mean((changed[name] - reference[name]) ** 2) / np.mean(reference[name] ** 2)))
        / CHANGE
        for name in reference
    )


@pytest.mark.parametrize("name", [name for name in HEALTHY if name != "string inputs"])
@pytest.mark.parametrize("route", sorted(TABLE))
def test_healthy_models_are_well_conditioned(name: str, route: str) -> None:
    assert 0 < amplification(route, HEALTHY[name]()) < 300


def test_a_difference_of_large_numbers_is_badly_conditioned() -> None:
    odd = layers.Dense(1, kernel_initializer="zeros")
    model, rows = chain((8,), odd)
    odd.kernel.assign(np.array([1.0, -1.0] * 4).reshape(-1, 1))
    shifted = {name: values + np.float32(1e6) for name, values in rows.items()}
    assert all(amplification(route, (model, shifted)) > 1e4 for route in TABLE)


def test_the_float64_copy_stays_as_it_was() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    before = state_of(float64_copy.model)
    for route in CONDITIONING_ROUTES:
        route.run(float64_copy, rows)
    assert state_of(float64_copy.model) == before


def test_the_same_seed_gives_the_same_changes() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    for route in CONDITIONING_ROUTES:
        once, again = route.run(float64_copy, rows), route.run(float64_copy, rows)
        assert all(np.array_equal(once.outputs[name], again.outputs[name]) for name in once.outputs)


def test_whole_numbers_are_not_changed() -> None:
    float64_copy, rows = float64_copy_of(dict_inputs())
    assert TABLE["changed-inputs"].run(float64_copy, rows).outputs


@pytest.mark.parametrize("value", [-10.0, 0.0])
def test_padding_is_not_changed(value: float) -> None:
    model, rows = chain((6, 2), layers.Masking(value), layers.GRU(3), layers.Dense(1))
    padded = {name: values.copy() for name, values in rows.items()}
    for values in padded.values():
        values[::2, 3:] = value
    assert 0 < amplification("changed-inputs", (model, padded)) < 300


def test_models_that_cannot_be_changed_are_left_out(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    words = type(facts)(**{**vars(facts), "inputs": (InputFact(name="x", shape=(None, 1), dtype="string"),)})
    large = type(facts)(**{**vars(facts), "parameters": 30_000_000})
    assert {route.unavailable(facts) for route in CONDITIONING_ROUTES} == {None}
    without_floats = TABLE["changed-inputs"].unavailable(words)
    assert TABLE["changed-inputs"].unavailable(session_of(strings()).facts) == without_floats
    assert [without_floats, TABLE["changed-weights"].unavailable(large)] == wording


def test_a_value_on_the_border_of_a_bin_is_not_changed() -> None:
    bins = layers.Discretization(bin_boundaries=[25.0, 35.0, 50.0], output_mode="one_hot")
    model, rows = chain((3,), bins, layers.Flatten(), layers.Dense(1))
    ages = {name: np.full(values.shape, 35, np.float32) for name, values in rows.items()}
    assert amplification("changed-inputs", (model, ages)) == 0


def test_rows_that_float32_does_not_hold_are_run_as_they_are() -> None:
    model, rows = chain((8,), layers.Rescaling(1.0, offset=-1e9))
    wide = {name: values.astype("float64") + 1e9 for name, values in rows.items()}
    float64_copy, _ = float64_copy_of((model, wide))
    result = ROUTES[UNROUNDED].run(float64_copy, wide)
    (lost,) = result.details["lost"].values()
    assert np.float32(lost["given"]) == lost["becomes"] != lost["given"]
    (name,), (given,) = result.outputs, wide.values()
    np.testing.assert_allclose(result.outputs[name], given[result.rows] - 1e9, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_rows_that_float32_holds_are_not_run_again(dtype: str) -> None:
    model, rows = chain((8,), layers.Dense(2))
    narrow = {name: (100 * values).astype(dtype) for name, values in rows.items()}
    float64_copy, _ = float64_copy_of((model, narrow))
    assert ROUTES[UNROUNDED].run(float64_copy, narrow).outputs == {}
