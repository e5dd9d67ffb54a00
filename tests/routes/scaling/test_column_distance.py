"""columns: distances in spreads, which columns and rows are wrong, and for how many rows one line holds."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.scaling.column_distance import (
    affine_prefix,
    moved,
    wrong_columns,
    wrong_rows,
)
from tests.helpers.scaled_columns import ROWS, apply, raw_rows, refit_in


def test_moved_counts_in_spreads() -> None:
    right = np.array([[0.0, 5.0, 1.0, 7.0], [2.0, 5.0, 1.0, 7.0]])
    made = right + np.array([[0.5, 0.0, 0.0, 0.7], [0.0, 0.0, np.nan, 0.0]])
    assert moved(made, right).tolist() == [0.5, 0.0, np.inf, pytest.approx(0.1)]


@pytest.mark.parametrize("size", [3, 17, 41, 95])
def test_the_line_breaks_where_the_first_batch_ends(size: int) -> None:
    rows = raw_rows()
    assert affine_prefix(rows, refit_in(size, rows), range(4)) == size


def test_one_scaler_for_all_rows_is_one_line() -> None:
    assert affine_prefix(raw_rows(), apply(raw_rows()), range(4)) == ROWS
    assert affine_prefix(np.ones((8, 2)), np.zeros((8, 2)), range(2)) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_wrong_columns_and_rows_are_those_beyond_a_share_of_the_spread(dtype: str) -> None:
    right = apply(raw_rows())
    served = right.astype(dtype)
    assert (wrong_columns(served, right).size, wrong_rows(served, right).sum()) == (0, 0)
    served[[17, 40], 1] += 0.01
    served[40, 3] = np.nan
    assert wrong_columns(served, right).tolist() == [1, 3]
    assert np.flatnonzero(wrong_rows(served, right)).tolist() == [17, 40]
