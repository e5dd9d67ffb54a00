"""p-values agree with those of scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from keras_consistency_cli.loading.profile.significance import (
    compute_distance_p_value,
    compute_mean_p_value,
    compute_median_p_value,
    compute_outside_p_value,
    pool_rows,
)


@pytest.mark.parametrize(
    ("count", "rows", "trained"),
    [(3, 25, 25), (9, 25, 25), (40, 2000, 25), (1, 8192, 50_000), (25, 25, 2000), (8, 8, 2)],
)
def test_values_beyond_a_range_follow_the_beta_binomial_law(count: int, rows: int, trained: int) -> None:
    expected = stats.betabinom(rows, 2, trained - 1).sf(count - 1)
    assert compute_outside_p_value(count, rows, trained) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_range_without_rows_is_no_evidence() -> None:
    assert (compute_outside_p_value(0, 100, 100), compute_outside_p_value(50, 50, 1), pool_rows(0, 10)) == (
        1.0,
        1.0,
        0.0,
    )


@pytest.mark.parametrize(
    ("distance", "rows", "trained"),
    [(0.05, 25, 25), (0.3, 25, 25), (0.5, 25, 25), (0.2, 400, 90), (0.9, 300, 2000)],
)
def test_distances_follow_kolmogorovs_law(distance: float, rows: int, trained: int) -> None:
    expected = stats.kstwobign.sf(distance * math.sqrt(rows * trained / (rows + trained)))
    assert compute_distance_p_value(distance, rows, trained) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("shift", "rows", "trained"),
    [(0.2, 25, 25), (1.0, 25, 25), (0.9, 8, 8), (0.5, 200, 90), (0.1, 10_000, 50)],
)
def test_means_follow_students_distribution(shift: float, rows: int, trained: int) -> None:
    value = shift * math.sqrt(rows * trained / (rows + trained))
    assert math.log(compute_mean_p_value(shift, 1.0, rows, trained)) == pytest.approx(
        math.log(2 * stats.t.sf(value, rows + trained - 2)), rel=0.02
    )


def test_wider_rows_are_weaker_evidence_and_narrower_ones_not_stronger() -> None:
    assert (
        compute_mean_p_value(1.0, 3.0, 50, 50)
        > compute_mean_p_value(1.0, 1.0, 50, 50)
        == compute_mean_p_value(1.0, 0.1, 50, 50)
    )


def test_extreme_shifts_and_single_rows_have_fixed_p_values() -> None:
    assert (compute_mean_p_value(math.inf, 1.0, 50, 50), compute_mean_p_value(5.0, 1.0, 1, 1)) == (0.0, 1.0)


def test_the_sign_test_ignores_ties() -> None:
    flags = np.repeat([0.0, 1.0], [60, 40])
    assert compute_median_p_value(flags, 1.0, 100, 1000) == pytest.approx(
        math.erfc(0.2 * math.sqrt(pool_rows(100, 1000) / 2))
    )
    assert (
        compute_median_p_value(flags, 0.0, 100, 1000),
        compute_median_p_value(np.zeros(0), 0.0, 0, 1000),
    ) == (
        1.0,
        1.0,
    )
    assert compute_median_p_value(np.full(100, 9.0), 1.0, 100, 1000) < 1e-15
