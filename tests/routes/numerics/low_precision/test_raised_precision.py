"""The route that computes one layer of a mixed precision model in float32."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RAISING_ROUTES
from tests.corpus.reports_coarse import gated, in_minutes, photos, tables
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import chain, mixed, mlp, session_of

(ROUTE,) = RAISING_ROUTES


def normalised(policy: str, mean: float, spread: float, before: tuple[Any, ...] = ()) -> Any:
    """A classifier in a lower precision but for its last layer, and the rows of its Normalization."""
    keras.utils.set_random_seed(3)
    rows = np.random.default_rng(2).normal([mean, 3.0], [spread, 1.0], (20, 2)).astype("float32")
    norm = layers.Normalization(name="norm", dtype=policy)
    norm.adapt(rows)
    hidden = layers.Dense(8, activation="tanh", dtype=policy, name="hidden")
    model, given = chain((2,), *before, norm, hidden, layers.Dense(1, dtype="float32"))
    return model, dict.fromkeys(given, rows)


def raised(built: Any) -> dict[str, Any]:
    float64_copy, rows = float64_copy_of(built)
    original = float64_copy.original
    original.subject = Subject(files=SubjectFiles(model="m"), model=built[0], facts=original.facts)
    details: dict[str, Any] = dict(ROUTE.run(float64_copy, rows).details)
    return details


@pytest.mark.parametrize(
    ("policy", "mean", "spread"), [("mixed_float16", 2e4, 9.0), ("mixed_bfloat16", 1e3, 2.0)]
)
def test_the_layer_that_loses_its_inputs_is_raised(policy: str, mean: float, spread: float) -> None:
    details = raised(normalised(policy, mean, spread))
    assert details["layer"] == "norm"
    assert details["off"] < 0.1 * details["off_before"]
    assert (details["lost_before"], details["lost"]) == (0, 0)


def test_the_layer_that_overflows_is_raised() -> None:
    details = raised(normalised("mixed_float16", 9e4, 100.0))
    assert (details["layer"], details["lost"]) == ("norm", 0)
    assert details["lost_before"] > 0


def test_a_layer_before_it_is_not_raised() -> None:
    scaled = layers.Rescaling(100.0, dtype="mixed_float16", name="cents")
    assert raised(normalised("mixed_float16", 900.0, 5.0, (scaled,)))["layer"] == "cents"


def squares(*policies: str) -> Any:
    """Numbers up to 9 that layers of these policies square, one after the other."""
    x = squared = keras.Input((2,), name="x")
    for number, policy in enumerate(policies):
        squared = layers.Multiply(dtype=policy, name=f"square_{number}")([squared, squared])
    model = keras.Model(x, layers.Rescaling(1.0, dtype="float32")(squared))
    return model, {"x": np.linspace(1.0, 9.0, 16, dtype="float32").reshape(8, 2)}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (("float16",) * 4, ["square_2", "square_3"]),
        (("float16", "float16", "float16", "float32"), ["square_2"]),
        (("float16",) * 2, []),
    ],
)
def test_later_layers_that_then_overflow_are_raised_too(policies: tuple[str, ...], expected: Any) -> None:
    details = raised(squares(*policies))
    assert details.get("raised", []) == expected
    assert details.get("lost", 0) == 0


def test_layers_are_raised_a_few_times_only() -> None:
    casts = [layers.Rescaling(1.0, dtype="float16", name=f"cast_{number}") for number in range(9)]
    model, given = chain((2,), layers.Rescaling(1e6, dtype="float32"), *casts)
    details = raised((model, {name: np.ones((4, 2), "float32") for name in given}))
    assert details["raised"] == [f"cast_{number}" for number in range(6)]
    assert details["lost"] == details["lost_before"] > 0


@pytest.mark.parametrize(
    "built", [mixed, lambda: normalised("mixed_float16", 3.0, 2.0)], ids=["mixed", "norm"]
)
def test_no_layer_is_raised_in_a_healthy_model(built: Any) -> None:
    assert raised(built()) == {}


def test_it_needs_a_policy_below_float32() -> None:
    facts = [session_of(built).facts for built in (mlp(), mixed())]
    assert [ROUTE.unavailable(each) is None for each in facts] == [False, True]
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("build", "rows", "expected"),
    [
        (gated("mixed_bfloat16", "mixed_bfloat16"), photos, ["clock"]),
        (in_minutes("mixed_bfloat16", "mixed_bfloat16"), tables, ["minutes", "clock"]),
    ],
)
def test_the_layer_that_loses_digits_is_raised_wherever_they_are_missed(
    build: Any, rows: Any, expected: list[str]
) -> None:
    keras.utils.set_random_seed(3)
    details = raised((build(), rows(np.random.default_rng(2))))
    assert (details["layer"], details["raised"]) == ("clock", expected)
    assert details["off"] < 0.1 * details["off_before"]


def test_the_precision_of_a_whole_model_is_no_matter_of_one_layer() -> None:
    keras.utils.set_random_seed(3)
    x = h = keras.Input((6,))
    for number in range(9):
        # Each takes a large number from the same large number, where little is left.
        far = layers.Rescaling(1.0, offset=300.0, dtype="mixed_bfloat16", name=f"far_{number}")(h)
        near = layers.Rescaling(1.0, offset=-300.0, dtype="mixed_bfloat16", name=f"near_{number}")(far)
        h = layers.Dense(6, dtype="mixed_bfloat16")(near)
    model = keras.Model(x, layers.Dense(1, dtype="float32")(h))
    details = raised((model, {x.name: np.random.default_rng(1).normal(size=(8, 6)).astype("float32")}))
    assert details["layer"] == ""
    assert len(details["raised"]) > 6
