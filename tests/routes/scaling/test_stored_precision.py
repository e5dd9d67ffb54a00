"""Rows that were rounded when they were stored, and rows that look so and were not."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.scaling.stored_precision import measure_stored_steps

RANDOM = np.random.default_rng(0)
TIMES = 1.7e9 + RANDOM.uniform(0, 7200, 300)
DAYS = 1.7e9 // 86400 * 86400 + 86400.0 * RANDOM.integers(0, 30, 300)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (TIMES.astype("float32"), 128.0),
        (TIMES.astype("float32").astype("float64"), 128.0),
        (RANDOM.normal(400, 1, 300).astype("float16"), 0.25),
        (RANDOM.normal(0, 1, 300).astype("float32"), 0.0),
        (TIMES, 0.0),
        (np.rint(TIMES), 0.0),
        (DAYS, 0.0),
        (DAYS.astype("float32"), 0.0),
        (RANDOM.integers(2000, 2030, 300).astype("float16"), 0.0),
        (RANDOM.integers(0, 10**7, 300).astype("float32"), 0.0),
        (TIMES.astype("int64"), 0.0),
        (TIMES[:5].astype("float32"), 0.0),
        (np.full(300, np.nan, "float32"), 0.0),
        (np.full(300, 1e300), 0.0),
    ],
    ids=[
        *("float32", "float64 that was float32", "float16", "small numbers", "float64", "seconds", "days"),
        *("days in float32", "years", "whole numbers", "integers", "few", "missing", "beyond float32"),
    ],
)
def test_only_values_that_were_rounded_have_a_step(values: np.ndarray, step: float) -> None:
    (found,) = measure_stored_steps(values[:, None]) or [0.0]
    assert found == step


def test_columns_are_measured_one_by_one() -> None:
    rows = np.stack([TIMES, RANDOM.normal(size=300)], axis=1)
    rows[:, 0] = rows[:, 0].astype("float32")
    assert measure_stored_steps(rows) == [128.0, 0.0]
    assert measure_stored_steps(rows.reshape(30, 10, 2)) == [128.0, 0.0]
