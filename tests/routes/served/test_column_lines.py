"""Straight lines through served values: rising lines, and the number of first rows on one line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_consistency_cli.routes.served.column_lines import (
    find_scaled_columns,
    fit_rising_line,
    is_one_sum,
    measure_linear_prefix,
    recognize_factors,
)
from tests.helpers.scaled_columns import ROWS, apply, raw_rows, refit_in


@pytest.mark.parametrize("size", [3, 17, 41, 95])
def test_the_line_ends_after_the_first_batch(size: int) -> None:
    rows = raw_rows()
    assert measure_linear_prefix(rows, refit_in(size, rows), range(4)) == size


def test_one_scaler_for_all_rows_is_one_line() -> None:
    assert measure_linear_prefix(raw_rows(), apply(raw_rows()), range(4)) == ROWS
    assert measure_linear_prefix(np.ones((8, 2)), np.zeros((8, 2)), range(2)) == 0


def test_more_columns_than_raw_ones_say_nothing_about_lines() -> None:
    rows = raw_rows()
    assert measure_linear_prefix(rows[:, :2], refit_in(17, rows), range(4)) == 0
    assert measure_linear_prefix(rows, refit_in(17, rows)[:, :2], range(2)) == 0


def test_a_rising_line_has_slope_and_intercept() -> None:
    x = np.array([1.0, 2.0, 4.0])
    line = fit_rising_line(x, 3.0 * x - 1.0, 1e-9)
    assert line is not None
    assert (line.slope, line.intercept) == (pytest.approx(3.0), pytest.approx(-1.0))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]),
        ([1.0, 2.0, 4.0], [1.0, 2.0, 5.0]),
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0, 4.0], [1.0, 2.0, np.nan]),
    ],
    ids=["falling", "bent", "two points", "missing value"],
)
def test_points_on_no_rising_line(x: list[float], y: list[float]) -> None:
    assert fit_rising_line(np.array(x), np.array(y), 1e-9) is None


def test_columns_are_scaled_from_the_columns_of_another_table() -> None:
    table = raw_rows()
    served = np.column_stack([table[:, 2] / 7 - 3, table[:, 0] * table[:, 1], 4.0 * table[:, 3]])
    limits = np.full(3, 1e-6)
    assert find_scaled_columns(served, table, [0, 1, 2], limits) == [0, 2]
    assert find_scaled_columns(served, table, [1, 2], limits) == [2]


@pytest.mark.parametrize("rows", [7, 8])
def test_a_few_rows_lie_on_a_line_by_chance(rows: int) -> None:
    table = raw_rows()[:rows]
    assert find_scaled_columns(table * 2.0, table, [0], np.full(4, 1e-6)) == ([0] if rows == 8 else [])


def test_two_equal_columns_are_no_source() -> None:
    table = np.column_stack([raw_rows()[:, 0]] * 2)
    assert find_scaled_columns(table[:, :1] * 2.0, table, [0], np.full(1, 1e-6)) == []


TEN, SAMPLE = math.log(10), math.sqrt(40 / 39)
FACTORS: dict[str, tuple[list[tuple[float, float]], str | None]] = {
    "log10": ([(3.0, TEN), (-0.4, TEN)], "other-base:log10 in place of log"),
    "log10 of one column": ([(0.0, TEN)], "other-base:log10 in place of log"),
    "log2": ([(0.0, math.log(2)), (0.0, math.log(2))], "other-base:log2 in place of log"),
    "a sample": ([(0.0, SAMPLE), (1e-6, SAMPLE * (1 + 1e-5))], "sample-deviation:40"),
    "a large sample": ([(0.0, math.sqrt(500 / 499))] * 3, "sample-deviation:500"),
    "pounds": ([(0.0, 2.20462)], None),
    "one column, shifted": ([(1.0, TEN)], None),
    "different factors": ([(0.0, SAMPLE), (0.0, 1.02)], None),
    "shifted": ([(0.3, SAMPLE), (0.0, SAMPLE)], None),
    "one column": ([(0.0, SAMPLE)], None),
    "twice as wide": ([(0.0, 2.0), (0.0, 2.0)], None),
    "narrower": ([(0.0, 0.98), (0.0, 0.98)], None),
}


@pytest.mark.parametrize(("lines", "kind"), FACTORS.values(), ids=FACTORS)
def test_factors(lines: list[tuple[float, float]], kind: str | None) -> None:
    assert recognize_factors(lines) == kind


@pytest.mark.parametrize("gap", [None, np.nan, np.inf])
def test_columns_that_are_one_sum(gap: float | None) -> None:
    expected = np.random.default_rng(0).normal(size=(40, 3))
    served = np.repeat(expected @ np.array([[0.3], [0.6], [0.1]]), 3, axis=1)
    if gap is not None:
        expected[3, 1] = gap
    assert is_one_sum(served, expected, np.full(3, 1e-3)) is (gap is None)
