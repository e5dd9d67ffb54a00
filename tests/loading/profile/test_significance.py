"""Chance: p-values against scipy's, and no alarm from noise however the rows are distributed and however few there are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from keras_consistency_cli.loading.profile.significance import (
    centre_by_chance,
    distance_by_chance,
    mean_by_chance,
    outside_by_chance,
    pooled,
)


@pytest.mark.parametrize(
    ("count", "rows", "trained"),
    [(3, 25, 25), (9, 25, 25), (40, 2000, 25), (1, 8192, 50_000), (25, 25, 2000), (8, 8, 2)],
)
def test_values_beyond_a_range_follow_the_beta_binomial_law(count: int, rows: int, trained: int) -> None:
    expected = stats.betabinom(rows, 2, trained - 1).sf(count - 1)
    assert outside_by_chance(count, rows, trained) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_range_of_nothing_proves_nothing() -> None:
    assert (outside_by_chance(0, 100, 100), outside_by_chance(50, 50, 1), pooled(0, 10)) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("distance", "rows", "trained"),
    [(0.05, 25, 25), (0.3, 25, 25), (0.5, 25, 25), (0.2, 400, 90), (0.9, 300, 2000)],
)
def test_distances_follow_kolmogorovs_law(distance: float, rows: int, trained: int) -> None:
    expected = stats.kstwobign.sf(distance * math.sqrt(rows * trained / (rows + trained)))
    assert distance_by_chance(distance, rows, trained) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("shift", "rows", "trained"),
    [(0.2, 25, 25), (1.0, 25, 25), (0.9, 8, 8), (0.5, 200, 90), (0.1, 10_000, 50)],
)
def test_means_follow_students_distribution(shift: float, rows: int, trained: int) -> None:
    value = shift * math.sqrt(rows * trained / (rows + trained))
    assert math.log(mean_by_chance(shift, 1.0, rows, trained)) == pytest.approx(
        math.log(2 * stats.t.sf(value, rows + trained - 2)), rel=0.02
    )


def test_wider_rows_prove_less_and_narrower_ones_no_more() -> None:
    assert (
        mean_by_chance(1.0, 3.0, 50, 50)
        > mean_by_chance(1.0, 1.0, 50, 50)
        == mean_by_chance(1.0, 0.1, 50, 50)
    )


def test_what_cannot_be_told_by_means() -> None:
    assert (mean_by_chance(math.inf, 1.0, 50, 50), mean_by_chance(5.0, 1.0, 1, 1)) == (0.0, 1.0)


def test_the_sign_test_leaves_ties_aside() -> None:
    flags = np.repeat([0.0, 1.0], [60, 40])
    assert centre_by_chance(flags, 1.0, 100, 1000) == pytest.approx(
        math.erfc(0.2 * math.sqrt(pooled(100, 1000) / 2))
    )
    assert (centre_by_chance(flags, 0.0, 100, 1000), centre_by_chance(np.zeros(0), 0.0, 0, 1000)) == (
        1.0,
        1.0,
    )
    assert centre_by_chance(np.full(100, 9.0), 1.0, 100, 1000) < 1e-15
