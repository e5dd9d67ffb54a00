"""Straight lines through served values: rising lines, and the number of first rows on one line."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.served.column_lines import fit_rising_line, measure_linear_prefix
from tests.helpers.scaled_columns import ROWS, apply, raw_rows, refit_in


@pytest.mark.parametrize("size", [3, 17, 41, 95])
def test_the_line_ends_after_the_first_batch(size: int) -> None:
    rows = raw_rows()
    assert measure_linear_prefix(rows, refit_in(size, rows), range(4)) == size


def test_one_scaler_for_all_rows_is_one_line() -> None:
    assert measure_linear_prefix(raw_rows(), apply(raw_rows()), range(4)) == ROWS
    assert measure_linear_prefix(np.ones((8, 2)), np.zeros((8, 2)), range(2)) == 0


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
