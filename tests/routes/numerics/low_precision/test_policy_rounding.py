"""The float64 copy, rounded to the types of the dtype policies of its layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.numerics.rounding import ROUNDING_ROUTES
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import chain

TABLE = {route.name: route for route in ROUNDING_ROUTES}
ROUTE = TABLE["rounded-to-policies"]
UNITS = {"mixed_float16": 2.0**-10, "mixed_bfloat16": 2.0**-7}


def distance(built: tuple[Any, Any], route: str) -> float:
    """Return the greatest distance of a route from the copy, as a share of the greatest output."""
    float64_copy, rows = float64_copy_of(built)
    result = TABLE[route].run(float64_copy, rows)
    exact = float64_copy.step({name: values[result.rows] for name, values in rows.items()})
    return max(
        float(np.abs(values - exact[name]).max() / np.abs(exact[name]).max())
        for name, values in result.outputs.items()
    )


def of_policies(first: str, second: str) -> tuple[Any, Any]:
    keras.utils.set_random_seed(1)
    return chain((6,), layers.Dense(16, activation="tanh", dtype=first), layers.Dense(3, dtype=second))


@pytest.mark.parametrize("policy", sorted(UNITS))
@pytest.mark.parametrize("place", [0, 1])
def test_a_layer_rounds_to_the_type_that_it_computes_in(policy: str, place: int) -> None:
    policies = ["float32", "float32"]
    policies[place] = policy
    assert UNITS[policy] / 10 < distance(of_policies(*policies), ROUTE.name) < UNITS[policy] * 10


def test_layers_of_float32_round_as_before() -> None:
    built = of_policies("float32", "float32")
    assert distance(built, ROUTE.name) == distance(built, "rounded-layers") < 1e-6


def test_cells_round_in_every_step() -> None:
    keras.utils.set_random_seed(1)
    cell = layers.LSTM(8, dtype="mixed_float16")
    built = chain((30, 3), cell, layers.Dense(2, dtype="float32"))
    assert UNITS["mixed_float16"] / 10 < distance(built, ROUTE.name) < 0.1


def test_the_copy_keeps_its_numbers() -> None:
    float64_copy, rows = float64_copy_of(of_policies("mixed_float16", "float32"))
    before = float64_copy.step(rows)
    ROUTE.run(float64_copy, rows)
    after = float64_copy.step(rows)
    assert all(np.array_equal(values, after[name]) for name, values in before.items())


@pytest.mark.parametrize(
    ("policy", "is_available"),
    [("float32", False), ("mixed_float16", True), ("mixed_bfloat16", True), ("float64", False)],
)
def test_it_is_for_models_with_layers_of_16_bits(policy: str, is_available: bool) -> None:
    float64_copy, _ = float64_copy_of(of_policies(policy, "float32"))
    assert (ROUTE.unavailable(float64_copy.facts) is None) is is_available
