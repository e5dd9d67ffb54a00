"""Distances of columns in spreads, and which columns and rows are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.scaling.column_distance import (
    find_wrong_columns,
    find_wrong_rows,
    measure_column_distances,
)
from tests.helpers.scaled_columns import apply, raw_rows


def test_distances_are_measured_in_spreads() -> None:
    expected = np.array([[0.0, 5.0, 1.0, 7.0], [2.0, 5.0, 1.0, 7.0]])
    candidate = expected + np.array([[0.5, 0.0, 0.0, 0.7], [0.0, 0.0, np.nan, 0.0]])
    assert measure_column_distances(candidate, expected).tolist() == [0.5, 0.0, np.inf, pytest.approx(0.1)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_wrong_columns_and_rows_exceed_a_share_of_the_spread(dtype: str) -> None:
    expected = apply(raw_rows())
    served = expected.astype(dtype)
    assert (find_wrong_columns(served, expected).size, find_wrong_rows(served, expected).sum()) == (0, 0)
    served[[17, 40], 1] += 0.01
    served[40, 3] = np.nan
    assert find_wrong_columns(served, expected).tolist() == [1, 3]
    assert np.flatnonzero(find_wrong_rows(served, expected)).tolist() == [17, 40]
