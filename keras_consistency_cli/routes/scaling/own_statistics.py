"""Served rows that were scaled by their own statistics, such as the mean of each image.

Every such row is a straight line over the right row, or over the raw one, and each row has a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import (
    compute_limits,
    compute_spreads,
    flatten_to_columns,
)
from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["find_own_statistics"]

_COMPARED = 256
_FEWEST_ROWS, _FEWEST_POINTS = 5, 4
"""Rows, and different values of each of them; three points are near a line more easily."""
_SAME_LINE = 1e-3
"""Relative difference of slopes, up to which all rows have one scaler."""
_EQUAL = 1e-3


class _Groups(NamedTuple):
    """Values that were scaled together, (groups, values), and what the groups are called."""

    words: str
    served: Array
    base: Array
    limit: Array


class _Lines(NamedTuple):
    """The line of each group that varies, and its values."""

    slope: Array
    intercept: Array
    served: Array


_STATISTICS: tuple[tuple[str, Callable[[_Lines], Array]], ...] = (
    ("mean and deviation", lambda of: np.abs(of.served.mean(1)) + np.abs(of.served.std(1) - 1)),
    ("smallest and largest value", lambda of: np.abs(of.served.min(1)) + np.abs(of.served.max(1) - 1)),
    ("range", lambda of: np.abs(of.served.min(1) + 1) + np.abs(of.served.max(1) - 1)),
    ("largest value", lambda of: np.abs(np.abs(of.served).max(1) - 1) + _offset(of)),
    ("length", lambda of: np.abs(np.square(of.served).sum(1) - 1) + _offset(of)),
    ("sum", lambda of: np.abs(np.abs(of.served).sum(1) - 1) + _offset(of)),
    ("first value", lambda of: np.minimum(np.abs(of.served[:, 0]), np.abs(of.served[:, 0] - 1))),
    ("mean", lambda of: np.abs(of.served.mean(1))),
)
"""By name, how far each group is from having been scaled by it."""


def find_own_statistics(served: Array, expected: Array, raw: Array | None) -> str | None:
    """Return the words for the statistics that scaled each row, None if rows share their scaling.

    Args:
        served: rows that are wrong.
        expected: the same rows as they should be.
        raw: the same rows before scaling; None if they have a different shape.
    """
    served, expected = served[:_COMPARED], expected[:_COMPARED]
    raw = None if raw is None else raw[:_COMPARED]
    if len(served) < _FEWEST_ROWS or not np.isfinite(served).all():
        return None
    for base in (expected, *(() if raw is None else (raw,))):
        if base.shape == served.shape and np.isfinite(base).all():
            for groups in _group_values(served, base):
                lines = _fit_lines(groups)
                if lines is not None:
                    return _describe(lines, groups.words, served)
    return None


def _describe(lines: _Lines, words: str, served: Array) -> str:
    """Return the words for the statistics of these groups, or else of whole rows."""
    name = _name_statistics(lines)
    if name is not None:
        return f"{name} of each {words}"
    rows = served.reshape(len(served), -1).astype(np.float64)
    # The lines are those of groups, and say nothing about where the line of a whole row passes.
    name = _name_statistics(_Lines(np.ones(len(rows)), np.zeros(len(rows)), rows))
    return f"statistics of each {words}" if name is None else f"{name} of each row"


def _group_values(served: Array, base: Array) -> Iterator[_Groups]:
    """Yield the values of each whole row, and those of each feature in a row."""
    columns = flatten_to_columns(served)
    limit = compute_limits(columns, compute_spreads(columns))
    shape = (len(served), -1, columns.shape[1])
    there, here = (rows.astype(np.float64).reshape(shape) for rows in (served, base))
    limits = np.broadcast_to(limit, there.shape)
    yield _Groups("row", *(part.reshape(len(served), -1) for part in (there, here, limits)))
    if there.shape[2] > 1:
        yield _Groups(
            "feature in each row",
            *(part.transpose(0, 2, 1).reshape(-1, part.shape[1]) for part in (there, here, limits)),
        )


def _fit_lines(groups: _Groups) -> _Lines | None:
    """Return the rising line of each group, None if one has none or all of them have the same."""
    if groups.base.shape[1] < _FEWEST_POINTS:
        return None
    slope, intercept = _fit(groups)
    beyond = np.abs(slope[:, None] * groups.base + intercept[:, None] - groups.served) > groups.limit
    varies = np.array(
        [len(np.unique(values[: 4 * _FEWEST_POINTS])) >= _FEWEST_POINTS for values in groups.base]
    )
    if beyond.any() or varies.sum() < _FEWEST_ROWS or (slope[varies] == 0).any():
        return None
    lines = _Lines(slope[varies], intercept[varies], groups.served[varies])
    same_slope = np.ptp(lines.slope) <= _SAME_LINE * np.abs(lines.slope).max()
    same_intercept = np.ptp(lines.intercept) <= _SAME_LINE * np.abs(lines.served).max()
    return None if same_slope and same_intercept else lines


def _fit(groups: _Groups) -> tuple[Array, Array]:
    """Return slope and intercept of the best line of each group; small columns count like large ones."""
    weights = 1 / np.square(np.maximum(groups.limit, np.finfo(np.float64).tiny ** 0.25))
    weights = weights / weights.sum(axis=1, keepdims=True)
    x, y = ((weights * part).sum(axis=1) for part in (groups.base, groups.served))
    centred = groups.base - x[:, None]
    squares, products = ((weights * centred * part).sum(axis=1) for part in (centred, groups.served))
    slope = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return slope, y - slope * x


def _name_statistics(lines: _Lines) -> str | None:
    """Return the statistics that give these lines, None if no known ones do."""
    return next((name for name, measure in _STATISTICS if (measure(lines) < _EQUAL).all()), None)


def _offset(lines: _Lines) -> Array:
    """How far each line passes from the origin."""
    return np.abs(lines.intercept)
