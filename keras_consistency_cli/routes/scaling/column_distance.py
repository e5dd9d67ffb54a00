"""Distances between the columns of served rows and of the expected rows.

Distances are measured in spreads of a column, so that one tolerance works for features of all units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import abs_differences

__all__ = [
    "ROUNDING",
    "TOLERANCE",
    "ColumnComparison",
    "compute_limits",
    "compute_spreads",
    "find_wrong_columns",
    "find_wrong_rows",
    "flatten_to_columns",
    "is_beyond_limit",
    "measure_column_distances",
]

Array = npt.NDArray[Any]

TOLERANCE = 1e-4
"""Accepted distance of a served value, in spreads.

A float32 cast costs less, a float16 cast costs more.
"""
ROUNDING = 4.0 * 2.0**-24
"""Cost of rounding, as a share of a column's greatest value.

It is that of float32, because float64 rows may once have been float32.
"""


def flatten_to_columns(rows: Array) -> Array:
    """Return rows as float64 of shape (rows or time steps, features).

    Rows of one dimension are one feature.
    """
    return np.asarray(rows, dtype=np.float64).reshape(-1, rows.shape[-1] if rows.ndim > 1 else 1)


def compute_spreads(columns: Array) -> Array:
    """Return the standard deviation of the finite values of each column.

    A constant column gets its absolute value instead, or 1 if it is all zeros.
    """
    finite = np.isfinite(columns)
    counts = np.maximum(finite.sum(axis=0), 1)
    values = np.where(finite, columns, 0.0)
    mean = values.sum(axis=0) / counts
    spread = np.sqrt((np.where(finite, columns - mean, 0.0) ** 2).sum(axis=0) / counts)
    size = np.abs(values).max(axis=0, initial=0.0)
    return np.where(spread > 1e-12 * size, spread, np.where(size > 0, size, 1.0))


def compute_limits(columns: Array, spread: Array, tolerance: float = TOLERANCE) -> Array:
    """Return the accepted distance of each column: a share of its spread, and rounding."""
    size = np.abs(np.where(np.isfinite(columns), columns, 0.0)).max(axis=0, initial=0.0)
    return np.asarray(tolerance * spread + ROUNDING * size)


def is_beyond_limit(candidate: Array, reference: Array, limit: Array | float) -> Array:
    """Whether each element is further from the reference than its limit allows."""
    return abs_differences(candidate, reference, nan="equal") > limit


def measure_column_distances(candidate: Array, reference: Array) -> Array:
    """Return the greatest distance of each column, in spreads of the reference.

    The shapes must be equal. The distance is 0 for equal values and infinite if a value is NaN on one side
    only.
    """
    columns = flatten_to_columns(reference)
    distances = abs_differences(flatten_to_columns(candidate), columns, nan="equal")
    return np.asarray(distances.max(axis=0, initial=0.0) / compute_spreads(columns))


@dataclass(frozen=True, kw_only=True)
class ColumnComparison:
    """Served rows compared with the expected rows, column by column.

    Args:
        served: the served rows, as columns.
        expected: the expected rows, as columns.
        spread: spread of each expected column.
        limit: accepted distance of each column.
        wrong: whether each value is further away than its limit.
    """

    served: Array
    expected: Array
    spread: Array
    limit: Array
    wrong: Array

    @classmethod
    def of(cls, served: Array, expected: Array) -> Self:
        """Compare rows of the same shape."""
        candidate, reference = flatten_to_columns(served), flatten_to_columns(expected)
        spread = compute_spreads(reference)
        limit = compute_limits(reference, spread)
        wrong = is_beyond_limit(candidate, reference, limit)
        return cls(served=candidate, expected=reference, spread=spread, limit=limit, wrong=wrong)

    def wrong_in_rows(self, rows: int) -> Array:
        """Return `wrong` in the shape (rows, time steps, features)."""
        return self.wrong.reshape(rows, -1, self.served.shape[1])

    @property
    def distances(self) -> Array:
        """The greatest distance of each column, in spreads."""
        distances = abs_differences(self.served, self.expected, nan="equal")
        return np.asarray(distances.max(axis=0, initial=0.0) / self.spread)


def find_wrong_columns(served: Array, expected: Array) -> Array:
    """Return the columns with a wrong value in any row; the shapes must be equal."""
    return np.flatnonzero(ColumnComparison.of(served, expected).wrong.any(axis=0))


def find_wrong_rows(served: Array, expected: Array) -> Array:
    """Return for each row whether any of its values is wrong; the shapes must be equal."""
    wrong = ColumnComparison.of(served, expected).wrong
    return np.asarray(wrong.reshape(len(served), -1).any(axis=1))
