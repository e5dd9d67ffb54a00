"""Straight lines through the served values of a column.

A different scaler of the same kind is a straight line over the expected values. Its factor may say where it
comes from: a logarithm of another base, or a deviation with ddof=1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.routes.scaling.column_distance import (
    ROUNDING,
    compute_limits,
    compute_spreads,
    flatten_to_columns,
)
from keras_consistency_cli.routes.scaling.rounding_variants import find_grid

__all__ = [
    "Line",
    "describe_falling_line",
    "find_moved_lines",
    "find_scaled_columns",
    "fit_rising_line",
    "is_one_sum",
    "measure_line",
    "measure_linear_prefix",
    "recognize_factors",
    "recognize_pixels",
    "table_of_other_columns",
]

Array = npt.NDArray[Any]

_LINE_TOLERANCE = 1e-3
"""Accepted distance from the line, as a share of the served column's own spread."""
_MIN_POINTS = 3
"""Any two points lie on a line."""
_BASES = {
    math.log(10): "log10 in place of log",
    1 / math.log(10): "log in place of log10",
    math.log(2): "log2 in place of log",
    1 / math.log(2): "log in place of log2",
    math.log2(10): "log10 in place of log2",
    math.log10(2): "log2 in place of log10",
}
"""By how many times as wide the scaler would be, the logarithm that is in place of a different one."""
_SAME_BASE = 1e-5
_PIXELS = {1 / 255: "not-divided", 255.0: "divided-again"}
"""By how many times as wide the scaler would be."""
_SAME_FACTOR = 1e-4
_NO_SHIFT = 1e-4
"""In spreads."""
_SAME_DEVIATION = 0.02
"""Part of the distance from 1 by which the factors of all columns may differ."""
_MOST_WIDER = 1.3
"""The factor of three rows; fewer rows are no sample."""
_SEVERAL = 2
"""Columns whose factor is the same; that of one column may be chance."""


_ON_LINE = 1e-3
_MIN_POINTS_OF_OTHERS = 8
"""There are many other columns, and few points lie on a line over one of them by chance."""
_MOST_COLUMNS, _MOST_CHANNELS = 64, 16
_ROUNDED = 1.1
"""In steps: rounding, or cutting, to a byte."""


class Line(NamedTuple):
    """A line: served = slope * expected + intercept."""

    slope: float
    intercept: float


def fit_rising_line(x: Array, y: Array, limit: float) -> Line | None:
    """Return the rising line that all points lie on; None without one or enough points."""
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all() or len(np.unique(x)) < _MIN_POINTS:
        return None
    slope, residual = _fit(x[:, None], y[:, None])
    # Any line is near a column that hardly varies, such as a logarithm before a scaler for the raw values:
    # the limit therefore also depends on the column's own spread.
    own_limit = max(_LINE_TOLERANCE * float(y.std()), ROUNDING * float(np.abs(y).max()))
    if slope[0] <= 0 or residual[0] > min(limit * max(1.0, slope[0]), own_limit):
        return None
    return Line(slope=float(slope[0]), intercept=float(y.mean() - slope[0] * x.mean()))


def describe_falling_line(x: Array, y: Array, limit: float) -> str | None:
    """Return the words for a falling line that all points lie on; None without one."""
    line = fit_rising_line(x, -y, limit)
    if line is None:
        return None
    if abs(line.slope - 1) > _ON_LINE:
        return "and scaled differently"
    is_sign = abs(line.intercept) <= _ON_LINE * float(np.abs(y).max())
    return "with the opposite sign" if is_sign else f"{-line.intercept:.4g} minus the right values"


def find_moved_lines(served: Array, expected: Array, columns: Sequence[int], limits: Array) -> dict[int, int]:
    """Return the columns that are a rising line over exactly one other column, with that column.

    Nothing if two of them lie over the same one.
    """
    if len(served) < _MIN_POINTS_OF_OTHERS or expected.shape[1] > _MOST_COLUMNS:
        return {}
    found = {}
    for column in columns:
        sources = _find_sources(expected, served[:, column], limits[column])
        if len(sources) == 1 and sources[0] != column:
            found[column] = sources[0]
    return found if len(set(found.values())) == len(found) else {}


def find_scaled_columns(
    served: Array, table: Array | None, columns: Sequence[int], limits: Array
) -> list[int]:
    """Return the served columns that are a rising line over exactly one column of a table."""
    if table is None or len(served) < _MIN_POINTS_OF_OTHERS or table.shape[1] > _MOST_COLUMNS:
        return []
    sources = {column: _find_sources(table, served[:, column], limits[column]) for column in columns}
    return [column for column, found in sources.items() if len(found) == 1]


def table_of_other_columns(raw: Array | None, expected: Array) -> Array | None:
    """Return the rows before scaling if they have more or fewer columns than the expected ones."""
    if raw is None or raw.ndim != 2 or expected.ndim != 2 or raw.shape[1] == expected.shape[1]:
        return None
    return raw if is_numeric(raw.dtype) else None


def _find_sources(table: Array, values: Array, limit: float) -> list[int]:
    """The columns over which the values are a rising line."""
    lines = (fit_rising_line(each, values, limit) for each in table.T)
    return [source for source, line in enumerate(lines) if line is not None]


def is_one_sum(served: Array, expected: Array, limits: Array) -> bool:
    """Whether all columns are one weighted sum of the right ones, as those of an image made grey."""
    columns = expected.shape[1]
    if not 1 < columns <= _MOST_CHANNELS or len(served) < _MIN_POINTS_OF_OTHERS + columns:
        return False
    first = served[:, 0]
    if not (np.isfinite(served).all() and np.isfinite(expected).all()):
        return False
    if np.ptp(first) == 0 or (np.abs(served - first[:, None]) > limits.min()).any():
        return False
    base = np.column_stack([expected, np.ones(len(expected))])
    weights, *_ = np.linalg.lstsq(base, first, rcond=None)
    used = np.abs(weights[:columns]) > _ON_LINE * np.abs(weights[:columns]).max()
    # Grey pixels are whole bytes, scaled or not.
    grid = find_grid(first)
    limit = max(_LINE_TOLERANCE * first.std(), 0.0 if grid is None else _ROUNDED * grid[1])
    return bool(used.sum() > 1 and np.abs(base @ weights - first).max() <= limit)


def _fit(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the slope of each column's best line, and the greatest distance from it."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    squares = (x * x).sum(axis=0)
    slope = np.divide((x * y).sum(axis=0), squares, out=np.zeros_like(squares), where=squares > 0)
    return slope, np.abs(y - slope * x).max(axis=0, initial=0.0)


def measure_linear_prefix(raw: Array, served: Array, columns: Iterable[int]) -> int:
    """Return the number of first rows in which each column is one line over raw rows.

    A scaler that was refitted on batches has a different line for every batch: the result is then the batch
    size. It is 0 if nothing can be said.
    """
    # A transformer that makes more or fewer columns: those of the served rows are not those of the raw ones.
    if raw.shape != served.shape:
        return 0
    varied = [column for column in columns if len(np.unique(_column(raw, column))) >= _MIN_POINTS]
    if not varied:
        return 0
    x, y = (np.stack([_column(rows, column) for column in varied], axis=-1) for rows in (raw, served))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return 0
    time_steps, limit = len(x) // len(raw), compute_limits(y, compute_spreads(y))

    def is_linear(rows: int) -> bool:
        return bool((_fit(x[: rows * time_steps], y[: rows * time_steps])[1] <= limit).all())

    # Every prefix of a linear prefix is linear, so bisection finds where it ends.
    low, high = 1, len(raw) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_linear(middle) else (low, middle)
    return low


def _column(rows: Array, column: int) -> Array:
    return flatten_to_columns(rows)[:, column]


def recognize_factors(lines: Sequence[tuple[float, float]]) -> str | None:
    """Return the kind of mistake that gives these shifts and factors, None if they say nothing.

    Args:
        lines: for each column the shift in spreads, and how many times as wide its scaler would be.
    """
    pixels = recognize_pixels(lines)
    if pixels is not None:
        return pixels
    factors = [factor for _, factor in lines]
    is_centred = all(abs(shift) < _NO_SHIFT for shift, _ in lines)
    if len(lines) < _SEVERAL and not is_centred:
        return None
    for factor, words in _BASES.items():
        if all(math.isclose(each, factor, rel_tol=_SAME_BASE) for each in factors):
            return f"other-base:{words}"
    widening = factors[0] - 1
    is_same = all(abs(each - factors[0]) < _SAME_DEVIATION * widening for each in factors)
    if len(lines) < _SEVERAL or not is_centred or not is_same or factors[0] > _MOST_WIDER:
        return None
    # The deviation of a sample of n rows is sqrt(n / (n - 1)) times as large.
    return f"sample-deviation:{round(1 / (1 - factors[0] ** -2))}"


def recognize_pixels(lines: Sequence[tuple[float, float]]) -> str | None:
    """Return the kind of mistake if all columns are 255 times the right ones, or a 255th; else None."""
    for factor, kind in _PIXELS.items():
        if all(
            abs(shift) < _NO_SHIFT and math.isclose(each, factor, rel_tol=_SAME_FACTOR)
            for shift, each in lines
        ):
            return kind
    return None


def measure_line(line: Line, spread: float) -> tuple[float, float]:
    """Return shift and factor of a different scaler.

    The shift is the distance of its centre in spreads, the factor how many times as wide it is.
    """
    return float(-line.intercept / line.slope / spread), 1 / line.slope
