"""Served one-hot columns of an encoder that knew only the categories of the rows that it was given.

pandas.get_dummies of a request, or an encoder that is fitted again, makes no column for a category that does
not occur. All later columns move to the left, and zeros fill the end of the group or of the row.
"""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison, is_beyond_limit
from keras_consistency_cli.routes.served.mistakes import Array, Mistake

__all__ = ["find_lost_categories"]

_FEWEST = 8
"""Rows in which the columns must agree."""


def find_lost_categories(comparison: ColumnComparison, distances: Array) -> Mistake | None:
    """Return the wrong columns if serving made none for absent categories, None if anything else is wrong.

    The columns that hold more than zeros are the same ones in the same order on both sides, and what was left
    out are categories of an encoder that do not occur in these rows.
    """
    served, expected = comparison.served, comparison.expected
    if len(expected) < _FEWEST or not (np.isfinite(served).all() and np.isfinite(expected).all()):
        return None
    here, there = (np.flatnonzero(columns.any(axis=0)) for columns in (served, expected))
    if len(here) != len(there) or (here > there).any() or (here == there).all():
        return None
    if is_beyond_limit(served[:, here], expected[:, there], comparison.limit[there]).any():
        return None
    lost = _find_lost(here, there)
    is_flag = ((expected == 0) | (expected == 1)).all(axis=0)
    if not all(_is_in_group(expected, column, is_flag) for column in lost):
        return None
    wrong = np.flatnonzero(comparison.wrong.any(axis=0))
    return Mistake(
        kind=f"lost-categories:{', '.join(map(str, lost))}",
        columns=tuple(wrong.tolist()),
        off=float(distances[wrong].max()),
    )


def _find_lost(here: Array, there: Array) -> list[int]:
    """Return the columns of zeros before each column that moved further than the one before it."""
    lost: list[int] = []
    before, distance = -1, 0
    for place, source in zip(here.tolist(), there.tolist(), strict=True):
        if source - place > distance:
            lost += range(before + 1, source)
        before, distance = source, source - place
    return lost


def _is_in_group(expected: Array, column: int, is_flag: Array) -> bool:
    """Whether a column of zeros is part of a one-hot encoding: one of the columns around it holds a 1."""
    first = column
    while first >= 0 and is_flag[first]:
        if _is_one_hot(expected[:, first:], column - first, is_flag[first:]):
            return True
        first -= 1
    return False


def _is_one_hot(columns: Array, at_least: int, is_flag: Array) -> bool:
    """Whether flags from the first column on, beyond one place at least, exclude each other in most rows.

    A row of a category that the encoder does not know, or makes no column for, has none.
    """
    sums, last = np.zeros(len(columns)), 0
    while last < columns.shape[1] and is_flag[last] and (sums + columns[:, last] <= 1).all():
        sums = sums + columns[:, last]
        last += 1
    return last > at_least and bool(2 * sums.sum() > len(sums))
