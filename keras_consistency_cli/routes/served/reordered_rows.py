"""Served rows that are the expected rows in a different order, each of them once."""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison, is_beyond_limit
from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["are_rows_reordered"]

_LEAST_ROWS = 3
"""Different rows; two in a different order may as well be codes that were exchanged."""
_MOST_TIES = 0.01
"""Share of the rows that rounding may put in a different order."""


def are_rows_reordered(comparison: ColumnComparison, rows: int) -> bool:
    """Whether each served row is one expected row, in all of its columns.

    A column that varies and is right in all rows says that the rows are in their places.
    """
    varies = np.ptp(comparison.expected, axis=0) > comparison.limit
    if not (np.isfinite(comparison.served).all() and np.isfinite(comparison.expected).all()):
        return False
    if (varies & ~comparison.wrong.any(axis=0)).any():
        return False
    served, expected = (
        (columns / comparison.spread).reshape(rows, -1)
        for columns in (comparison.served, comparison.expected)
    )
    weights = np.random.default_rng(0).uniform(0.5, 1.5, served.shape[1])
    served, expected = _sort_rows(served, weights), _sort_rows(expected, weights)
    limit = np.tile(comparison.limit / comparison.spread, served.shape[1] // len(comparison.limit))
    differs = is_beyond_limit(served, expected, limit).any(axis=1)
    different_rows = len(np.unique(np.round(expected @ weights, 6)))
    return bool(different_rows >= _LEAST_ROWS and differs.mean() <= _MOST_TIES)


def _sort_rows(rows: Array, weights: Array) -> Array:
    """Return the rows in the order of their weighted sums."""
    return np.asarray(rows[np.argsort(rows @ weights, kind="stable")])
