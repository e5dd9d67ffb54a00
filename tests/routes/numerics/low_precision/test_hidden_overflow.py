"""Numbers that overflow in float16 inside a layer: which are found, and which change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.numerics.low_precision.hidden_overflow import (
    OVERFLOW_ROUTES,
    OverflowDetails,
    choose_furthest,
)
from keras_consistency_cli.routes.session.float64 import Float64Session, float64_session
from tests.corpus.reports_overflow_layers import Elementwise
from tests.helpers.live_models import session_of, state_of

(ROUTE,) = OVERFLOW_ROUTES
ROWS = np.random.default_rng(1).normal(size=(40, 6)).astype("float32")
ROWS[7] *= 400
ROWS[25] *= 500


def built(*middle: Callable[[], Any]) -> Any:
    keras.utils.set_random_seed(3)
    x = keras.Input((6,), name="x")
    h = x
    for layer in middle:
        h = layer()(h)
    return keras.Model(x, layers.Dense(2, dtype="float32")(h))


def copied(model: Any) -> Float64Session:
    return float64_session(session_of((model, {"x": ROWS})), {"x": ROWS})


def run(*middle: Callable[[], Any]) -> OverflowDetails:
    """Run the route; nothing of the model may change."""
    model = built(*middle)
    session, before = copied(model), state_of(model)
    details: Any = ROUTE.run(session, {"x": ROWS}).details
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)
    return details


def own(how: str, dtype: str = "mixed_float16", name: str = "own") -> Callable[[], Any]:
    return lambda: Elementwise(how, name=name, dtype=dtype)


@pytest.mark.parametrize("how", ["root mean square", "standardised", "length"])
def test_an_overflow_that_makes_outputs_wrong_is_found(how: str) -> None:
    details = run(own(how))
    assert (details["layer"], details["kind"]) == ("own", "Elementwise")
    assert 0 < details["overflowed"] < details["of"]
    assert 0.02 * details["scale"] < details["off"] <= 2 * details["scale"]


@pytest.mark.parametrize("how", ["logistic", "bell", "tanh of a cube"])
def test_an_overflow_with_right_outputs_is_not(how: str) -> None:
    assert run(own(how)) == {}


def test_float32_does_not_overflow() -> None:
    assert run(own("root mean square", "float32"), lambda: layers.Dense(4, dtype="mixed_float16")) == {}


def test_the_first_layer_that_matters_is_named() -> None:
    harmless = own("tanh of a cube", name="harmless")
    details = run(harmless, lambda: layers.Rescaling(900.0, dtype="mixed_float16"), own("length"))
    assert details["layer"] == "own"


def test_the_rows_that_differ_most_are_chosen() -> None:
    batch, positions = choose_furthest(copied(built(own("length"))), {"x": ROWS})
    assert {7, 25} <= set(positions.tolist())
    np.testing.assert_array_equal(batch["x"], ROWS[positions])


@pytest.mark.parametrize(
    ("policy", "available"),
    [("float32", False), ("mixed_bfloat16", False), ("mixed_float16", True)],
)
def test_it_runs_for_float16_only(policy: str, available: bool) -> None:
    session = session_of((built(lambda: layers.Dense(3, dtype=policy)), {"x": ROWS}))
    assert ROUTE.unavailable is not None
    assert (ROUTE.unavailable(session.facts) is None) is available
