"""The route that computes one layer of a mixed precision model in float32."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.raised_precision import RAISING_ROUTES
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


@pytest.mark.parametrize(
    "built", [mixed, lambda: normalised("mixed_float16", 3.0, 2.0)], ids=["mixed", "norm"]
)
def test_no_layer_is_raised_in_a_healthy_model(built: Any) -> None:
    assert raised(built()) == {}


def test_it_needs_a_policy_below_float32() -> None:
    facts = [session_of(built).facts for built in (mlp(), mixed())]
    assert [ROUTE.unavailable(each) is None for each in facts] == [False, True]
    assert keras.config.dtype_policy().name == "float32"
