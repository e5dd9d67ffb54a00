"""Stored statistics compared with those of the reference rows: an effect, and proof of it."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.analysis.staleness import (
    StaleFeature,
    compare_statistics,
    describe_stale_features,
)


@pytest.mark.parametrize(
    ("shown", "rows", "kurtosis", "by"),
    [
        ((0.1, 1.0), 10_000, 3.0, None),
        ((0.3, 1.0), 10_000, 3.0, 0.3),
        ((0.3, 1.0), 100, 3.0, None),
        ((0.0, 1.5), 10_000, 3.0, 1.5),
        ((0.0, 1.5), 1000, 300.0, None),
        ((0.0, 0.0), 1000, 3.0, float("inf")),
        ((float("nan"), 1.0), 1000, 3.0, None),
    ],
    ids=["small", "mean", "few rows", "spread", "heavy tails", "no spread", "no mean"],
)
def test_staleness_needs_an_effect_and_proof(
    shown: tuple[float, float], rows: int, kurtosis: float, by: float | None, wording: SnapshotAssertion
) -> None:
    stale = compare_statistics("a", (0.0, 1.0), shown, rows=rows, kurtosis=kurtosis)
    assert (stale.by if stale else None) == (by if by is None else pytest.approx(by))
    assert (stale.what if stale else None) == wording


def test_the_feature_that_differs_most_is_named(wording: SnapshotAssertion) -> None:
    stale = [
        StaleFeature(name="age", what="the mean is off by", by=0.3, unit=" standard deviations"),
        StaleFeature(name="income", what="the spread is off by a factor of", by=1.5),
    ]
    assert describe_stale_features(stale) == wording
