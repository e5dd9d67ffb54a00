"""Columns that a scaler without names does not know, found by its statistics.

They are named in a message, with the option that leaves them out. They are never left out by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from keras_consistency_cli.loading.profile.expected_columns import read_expected_columns
from keras_consistency_cli.measurement.distance import is_numeric

__all__ = ["find_surplus_columns"]

_MOST_CHOICES = 500
_NEAR, _FARTHER = 1.0, 2.0
"""The right choice is within so many spreads of the statistics, and any other one so many times as far."""


def find_surplus_columns(scaler: Any, rows: np.ndarray, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns without which the others fit the statistics of the scaler; empty if none stand out.

    Args:
        scaler: a fitted estimator of fewer features than there are columns.
        rows: some rows, (rows, columns).
        columns: their names.
    """
    expected = {column.column: column.raw for column in read_expected_columns(scaler) if column.raw[1] > 0}
    wanted = max(expected, default=-1) + 1
    features = int(getattr(scaler, "n_features_in_", wanted))
    if not expected or features >= len(columns) or math.comb(len(columns), features) > _MOST_CHOICES:
        return ()
    if rows.ndim != 2 or not is_numeric(rows.dtype) or not np.isfinite(rows).any(axis=0).all():
        return ()
    medians = np.nanmedian(np.where(np.isfinite(rows), rows, np.nan), axis=0)
    choices = sorted(
        (_distance(expected, medians[list(kept)]), kept)
        for kept in combinations(range(len(columns)), features)
    )
    (best, kept), (second, _) = choices[0], choices[1]
    if best > _NEAR or second <= _FARTHER * max(best, _NEAR):
        return ()
    return tuple(name for place, name in enumerate(columns) if place not in kept)


def _distance(expected: dict[int, tuple[float, float]], medians: np.ndarray) -> float:
    """The distance of the worst column, in its spreads."""
    return max(abs(float(medians[place]) - centre) / spread for place, (centre, spread) in expected.items())
