"""Stored statistics compared with those of the reference rows: an effect, and proof of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.analysis.staleness import (
    StaleFeature,
    compare_statistics,
    describe_stale_features,
    find_stale_features,
    gets_rows_of_training,
    is_adapted_on_unscaled_rows,
)
from keras_consistency_cli.measurement.data_facts import DataFacts
from tests.helpers.described import columns_of, layer, rows_fact, scaling_fact

ROWS = np.random.default_rng(0).normal([50.0, -3.0, 12.0], [10.0, 0.1, 7.0], (400, 3))
SCALER = StandardScaler().fit(ROWS)
SCALED = SCALER.transform(ROWS)
FACTS = DataFacts(
    reference=(rows_fact(ROWS),), reference_fed=(rows_fact(SCALED),), scaling=scaling_fact(SCALER, ROWS)
)
ADAPTED = layer(
    mean=tuple(ROWS.mean(0)),
    sd=tuple(ROWS.std(0)),
    seen=columns_of(SCALED),
    seen_reference=columns_of(SCALED),
    seen_reference_raw=columns_of(ROWS),
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


def test_a_layer_adapted_before_the_scaler_is_recognized() -> None:
    assert len(find_stale_features(ADAPTED, FACTS)) == 3
    assert is_adapted_on_unscaled_rows(ADAPTED, FACTS)
    assert not gets_rows_of_training(ADAPTED, FACTS)


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, scaling=None),
        replace(FACTS, state="scaled"),
        replace(FACTS, scaling=scaling_fact(SCALER, ROWS, input="other")),
    ],
    ids=["no scaler", "scaled data", "different input"],
)
def test_without_a_scaler_before_the_layer_there_are_no_unscaled_rows(facts: DataFacts) -> None:
    assert not is_adapted_on_unscaled_rows(ADAPTED, facts)


def test_a_layer_adapted_behind_the_scaler_or_on_different_rows_is_not_confused() -> None:
    behind = replace(ADAPTED, mean=(0.0,) * 3, sd=(1.0,) * 3)
    assert not find_stale_features(behind, FACTS)
    assert not is_adapted_on_unscaled_rows(behind, FACTS)
    assert gets_rows_of_training(behind, FACTS)
    different = replace(ADAPTED, mean=(80.0, -3.0, 12.0))
    assert not is_adapted_on_unscaled_rows(different, FACTS)
    selected = replace(ADAPTED, seen_reference_raw=columns_of(ROWS[:, :2]))
    assert not is_adapted_on_unscaled_rows(selected, FACTS)


def test_most_features_must_be_those_of_training() -> None:
    behind = replace(ADAPTED, mean=(0.0,) * 3, sd=(1.0,) * 3)
    assert gets_rows_of_training(replace(behind, mean=(9.0, 0.0, 0.0)), FACTS)
    assert not gets_rows_of_training(replace(behind, mean=(9.0, 9.0, 0.0)), FACTS)
    assert not gets_rows_of_training(replace(behind, seen=columns_of(ROWS)), FACTS)
    assert not gets_rows_of_training(replace(behind, seen_reference=()), FACTS)
