"""Steps of quantisation: few rows may differ by one, many may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.noise import exceeds_steps
from keras_consistency_cli.measurement.policy import Policy

ROWS = 64
PREDICT = np.random.default_rng(1).normal(size=(ROWS, 3)).astype("float32")
STEP = np.float32(0.01)
"""The size of a step, as a share of outputs of about one."""
EXACT = PREDICT.astype("float64") + np.random.default_rng(2).normal(0.0, 0.005, size=PREDICT.shape)


def against(names: tuple[str, str], candidate: np.ndarray, reference: np.ndarray) -> Comparison:
    """Compare two arrays of one output."""
    results = (RowOutputs(outputs={"out": values}, rows=None) for values in (candidate, reference))
    (comparison,) = compare(names, *results, float64_copy=RowOutputs(outputs={"out": EXACT}, rows=None))
    return comparison


def moved(by: float, rows: int) -> np.ndarray:
    """The outputs of predict, with some rows changed."""
    values = PREDICT.copy()
    values[:rows] += np.float32(by)
    return values


def within(by: float, rows: int, *, seen: int = 0) -> bool:
    """The judgement of a pair of routes of which so many rows differ, where the copy shows `seen` rows."""
    evidence = NoiseEvidence(
        pair=against(("xla", "predict"), moved(by, rows), PREDICT),
        noise=against(("predict", "predict-float64"), PREDICT, EXACT),
        rounded=against(("rounded-layers", "predict"), moved(STEP, seen).astype("float64"), PREDICT),
        quantised=True,
    )
    return judge(evidence, policy=Policy()).within


@pytest.mark.parametrize(
    ("by", "rows", "seen", "expected"),
    [
        (STEP, 3, 0, True),
        (STEP, 4, 0, False),
        (STEP, 8, 1, True),
        (STEP, ROWS, 0, False),
        (STEP / 100, ROWS, 0, True),
        (STEP, ROWS, ROWS, True),
        (3 * STEP, ROWS, ROWS, False),
        (100 * STEP, 1, ROWS, False),
    ],
)
def test_rows_on_a_different_step(by: float, rows: int, seen: int, expected: bool) -> None:
    assert within(by, rows, seen=seen) is expected


def test_without_the_rounded_copy_a_few_rows_are_allowed() -> None:
    pairs: Any = [against(("xla", "predict"), moved(STEP, rows), PREDICT) for rows in (3, 4)]
    assert [exceeds_steps(pair, None) for pair in pairs] == [False, True]
