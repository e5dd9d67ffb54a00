"""Served rows that are expected rows: in a different order, each of them once, or those of other rows.

A service that answers with the row of the request before, or that broadcasts the first row of a batch, serves
some rows several times. Where columns have few different values, any row looks like some other one: the
values of each column are therefore exchanged at random, and if rows still match after that, nothing is said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison, is_beyond_limit
from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["OtherRows", "are_rows_reordered", "describe_step", "find_late_columns", "find_rows_of_others"]

_LEAST_ROWS = 3
"""Different rows; two in a different order may as well be codes that were exchanged."""
_MOST_TIES = 0.01
"""Share of the rows that rounding may put in a different order."""

_FEWEST_OTHERS = 8
"""Rows that must be those of other rows."""
_MOST_BY_CHANCE = 0.1
"""Share of the rows that may match after the values of each column were exchanged at random."""
_MOST_LATE, _FIRST_ROWS = 8, 128
"""Rows by which a column may be late or early, and the rows that follow one another in any case."""
_NEAREST = 2
"""Rows on either side that are compared: rounding may change the order of nearly equal sums."""


class OtherRows(NamedTuple):
    """For each row whether it has the values of a different row, and the position of that row."""

    mask: npt.NDArray[Any]
    sources: npt.NDArray[Any]


def are_rows_reordered(comparison: ColumnComparison, rows: int) -> bool:
    """Whether each served row is one expected row, in all of its columns.

    A column that varies and is right in all rows says that the rows are in their places.
    """
    varies = np.ptp(comparison.expected, axis=0) > comparison.limit
    if not (np.isfinite(comparison.served).all() and np.isfinite(comparison.expected).all()):
        return False
    if (varies & ~comparison.wrong.any(axis=0)).any():
        return False
    served, expected, limit = _scale_rows(comparison, rows)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, size=served.shape[1:])
    served, expected = _sort_rows(served, weights), _sort_rows(expected, weights)
    differs = is_beyond_limit(served, expected, limit).any(axis=1)
    different_rows = len(np.unique(np.round(expected @ weights, 6)))
    return bool(different_rows >= _LEAST_ROWS and differs.mean() <= _MOST_TIES)


def _scale_rows(comparison: ColumnComparison, rows: int) -> tuple[Array, Array, Array]:
    """Return the served and the expected rows in spreads, zeros for NaN and infinity, and their limits."""
    served, expected = (
        (np.where(np.isfinite(columns), columns, 0.0) / comparison.spread).reshape(rows, -1)
        for columns in (comparison.served, comparison.expected)
    )
    limit = np.tile(comparison.limit / comparison.spread, served.shape[1] // len(comparison.limit))
    return served, expected, limit


def _sort_rows(rows: Array, weights: Array) -> Array:
    """Return the rows in the order of their weighted sums."""
    return np.asarray(rows[np.argsort(rows @ weights, kind="stable")])


def find_rows_of_others(comparison: ColumnComparison, wrong_rows: Array) -> OtherRows | None:
    """Return the wrong rows that have the values of other rows, None if there are few or chance does it.

    Args:
        comparison: the served and the expected columns.
        wrong_rows: for each row whether it is wrong.
    """
    served, expected, limit = _scale_rows(comparison, len(wrong_rows))
    if served.shape[1] < 2:
        return None
    sources = _find_sources(served, expected, limit)
    mask: npt.NDArray[Any] = np.asarray((sources >= 0) & wrong_rows)
    if mask.sum() < _FEWEST_OTHERS:
        return None
    mixed = np.random.default_rng(0).permuted(served, axis=0)
    by_chance = (_find_sources(mixed, expected, limit) >= 0).mean()
    return OtherRows(mask=mask, sources=sources) if by_chance <= _MOST_BY_CHANCE else None


def _find_sources(served: Array, expected: Array, limit: Array) -> Array:
    """Return for each served row the position of the expected row with its values, -1 if there is none."""
    weights = np.random.default_rng(0).uniform(0.5, 1.5, size=served.shape[1:])
    sums = expected @ weights
    order = np.argsort(sums, kind="stable")
    places = np.searchsorted(sums[order], served @ weights)
    sources = np.full(len(served), -1)
    for step in range(-_NEAREST, _NEAREST):
        near = order[np.clip(places + step, 0, len(order) - 1)]
        is_same = ~is_beyond_limit(served, expected[near], limit).any(axis=1)
        sources = np.where((sources < 0) & is_same, near, sources)
    return np.asarray(sources)


def describe_step(step: int) -> str:
    """Return the place of the row whose values a row has: so many rows before it, below 0 after it."""
    side = "before" if step > 0 else "after"
    return f"the row {side}" if abs(step) == 1 else f"{abs(step)} rows {side}"


def find_late_columns(comparison: ColumnComparison, columns: list[int], rows: int) -> dict[int, int]:
    """Return the columns that hold the values of a row before, with the number of rows; below 0 of one after.

    A service that computes a feature such as a lag or a difference in the wrong place does that.
    """
    first = min(rows, _FIRST_ROWS)
    served, expected = (
        side.reshape(rows, -1, side.shape[1])[:first] for side in (comparison.served, comparison.expected)
    )
    late = {}
    for column in columns:
        pair, limit = (served[..., column], expected[..., column]), comparison.limit[column]
        steps = [step for by in range(1, _MOST_LATE + 1) for step in (by, -by)]
        found = next((step for step in steps if _is_late(*pair, step, limit)), None)
        if found is not None:
            late[column] = found
    return late


def _is_late(served: Array, expected: Array, step: int, limit: float) -> bool:
    if abs(step) + _FEWEST_OTHERS > len(served):
        return False
    here, there = (served[step:], expected[:-step]) if step > 0 else (served[:step], expected[-step:])
    varies = len(np.unique(expected)) > len(expected) / 2
    return bool(varies and not is_beyond_limit(here, there, limit).any())
