"""Pairs of columns that are turned by one angle, as sine and cosine of a shifted time.

A scaler makes an ellipse of the circle. The map from the expected to the served values is then still linear,
with the determinant of a turn, and its trace tells the angle.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison
from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["TurnedPair", "find_turn_in_rows", "find_turned_pairs"]

_LEAST_POINTS = 6
"""Three points lie on some linear map."""
_MOST_COLUMNS = 12
_NEAR = 1e-2
_DECIMALS = 1
_HALF_HOUR = 7.5
"""Degrees of half an hour on a circle of 24 hours; a month of twelve is a multiple of them too."""
_SAME_ANGLE = 0.02
"""Degrees by which float32 may move an angle; a day of a year of 365 is 0.99 degrees."""


@dataclass(frozen=True, kw_only=True)
class TurnedPair:
    """Two columns and the angle, in degrees, by which they are turned."""

    columns: tuple[int, int]
    degrees: float

    @property
    def kind(self) -> Literal["turned", "turned-calendar"]:
        """The kind of the mistake: a shift by half hours of a day, or one that no time zone makes."""
        off = abs(self.degrees / _HALF_HOUR - round(self.degrees / _HALF_HOUR)) * _HALF_HOUR
        return "turned" if off < _SAME_ANGLE else "turned-calendar"


def find_turned_pairs(comparison: ColumnComparison, columns: list[int]) -> list[TurnedPair]:
    """Return the pairs among these columns that are turned in all rows."""
    pairs: list[TurnedPair] = []
    for pair in itertools.combinations(columns[:_MOST_COLUMNS], 2):
        if any(set(pair) & set(each.columns) for each in pairs):
            continue
        degrees = _measure_turn(comparison, list(pair))
        if degrees is not None:
            pairs.append(TurnedPair(columns=pair, degrees=degrees))
    return pairs


def find_turn_in_rows(comparison: ColumnComparison, rows: Array, columns: list[int]) -> TurnedPair | None:
    """Return a pair if all of these columns are pairs that turn by its angle in these rows, None if not.

    A rule of the clock, such as daylight saving time, shifts some rows only.

    Args:
        comparison: all rows.
        rows: for each row whether it counts; a row may have several time steps.
        columns: the columns that are wrong in these rows.
    """
    steps = np.repeat(rows, len(comparison.served) // len(rows))
    compared = replace(
        comparison,
        served=comparison.served[steps],
        expected=comparison.expected[steps],
        wrong=comparison.wrong[steps],
    )
    pairs = find_turned_pairs(compared, columns)
    angles = {round(pair.degrees, _DECIMALS) for pair in pairs}
    covered = {column for pair in pairs for column in pair.columns}
    return pairs[0] if len(angles) == 1 and covered == set(columns) else None


def _measure_turn(comparison: ColumnComparison, pair: list[int]) -> float | None:
    """Return the angle by which the points of two columns are turned, None if they are not."""
    served, expected = comparison.served[:, pair], comparison.expected[:, pair]
    if not (np.isfinite(served).all() and np.isfinite(expected).all()):
        return None
    if len(np.unique(np.round(expected, 6), axis=0)) < _LEAST_POINTS or not _is_ellipse(expected):
        return None
    points = np.column_stack([expected, np.ones(len(expected))])
    solution, _, rank, _ = np.linalg.lstsq(points, served, rcond=None)
    if rank < points.shape[1] or (np.abs(points @ solution - served) > comparison.limit[pair]).any():
        return None
    turn = solution[:2]
    cosine = float(np.trace(turn)) / 2
    if abs(float(np.linalg.det(turn)) - 1) > _NEAR or not -1 - _NEAR < cosine < 1:
        return None
    return math.degrees(math.acos(max(cosine, -1.0)))


def _is_ellipse(points: Array) -> bool:
    """Whether points lie on an ellipse whose axes are those of the columns, as scaled sines and cosines."""
    largest = np.abs(points).max(axis=0)
    if not largest.all():
        return False  # a constant column, scaled to 0
    x, y = (points / largest).T
    terms = np.column_stack([x * x, y * y, x, y])
    solution, _, rank, _ = np.linalg.lstsq(terms, np.ones(len(terms)), rcond=None)
    on_it = np.abs(terms @ solution - 1).max() < _NEAR
    # Two levels lie on an ellipse without an end: its other axis then has a share of about 0.
    squares = solution[:2]
    return bool(rank == terms.shape[1] and on_it and squares.min() > _NEAR * abs(squares.max()))
