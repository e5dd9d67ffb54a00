from __future__ import annotations

import math
from typing import Any

import pytest

from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.reporting.parts.noise_multiple import noise_multiple, worst_first


def _judged(name: str, max_abs: float, limit: float, *, within: bool, **measured: object) -> Judged:
    comparison = Comparison(
        candidate=name, reference="predict", output="y", elements=8, max_abs=max_abs, **measured
    )  # type: ignore[arg-type]
    return Judged(comparison=comparison, limit=Limit(value=limit, origin="calibrated"), within=within)


@pytest.mark.parametrize(
    ("max_abs", "noise", "multiple"),
    [
        (3e-7, {"y": 1.5e-7}, 2.0),
        (0.0, {"y": 0.0}, 0.0),
        (1e-9, {"y": 0.0}, math.inf),
        (1e-9, {"y": math.nan}, None),
        (1e-9, {"other": 1e-7}, None),
    ],
)
def test_noise_multiple_is_of_its_own_output(
    max_abs: float, noise: dict[str, float], multiple: float | None
) -> None:
    assert noise_multiple(_judged("a", max_abs, 1.0, within=True).comparison, noise) == multiple


def test_noise_multiple_of_nothing_is_unknown_and_not_zero() -> None:
    names: dict[str, Any] = {"candidate": "a", "reference": "b", "output": "y"}
    assert noise_multiple(Comparison(**names), {"y": 1e-7}) is None
    assert noise_multiple(Comparison(**names, elements=4, misshapen="(2,) against (3,)"), {"y": 1e-7}) is None


def test_worst_first_ranks_by_share_of_the_limit_and_failures_before_all() -> None:
    near = _judged("near", 0.9, 1.0, within=True)
    far = _judged("far", 1e-3, 1e-6, within=True)
    float64_pair = _judged("lifted", 1e-9, 1e-6, within=False)
    shape = _judged("shape", 0.0, 0.0, within=False, misshapen="(2,) against (3,)")
    odd = _judged("odd", 0.0, 1.0, within=False, nonfinite=2)
    zero = _judged("zero", 0.0, 0.0, within=True)
    broken = _judged("broken", 0.5, math.nan, within=False)
    ranked = worst_first([zero, near, float64_pair, far, odd, broken, shape])
    assert [one.comparison.candidate for one in ranked] == [
        "broken",
        "odd",
        "shape",
        "lifted",
        "far",
        "near",
        "zero",
    ]
