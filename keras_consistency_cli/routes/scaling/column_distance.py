"""Columns of served rows against those of the right ones: how far they may be apart, where they are further, and the lines that they lie on.

Pure NumPy, on arrays. Distances count in spreads of a column, so that one tolerance does for features of all units.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "TOLERANCE",
    "affine_prefix",
    "apart",
    "by_columns",
    "exceeding",
    "limits",
    "moved",
    "spreads",
    "straight_line",
    "wrong_columns",
    "wrong_rows",
]

Array = npt.NDArray[Any]

TOLERANCE = 1e-4
"""Of a column's spread: what may be served beside the scaler's own numbers. A float32 cast costs less, a float16 cast more."""
_ROUNDING = 4.0 * 2.0**-24
"""Of a column's greatest number: what rounding may cost; what is float64 now may have been float32 on its way."""
_LINED = 1e-3
"""Of a served column's own spread: how near to the line its points must lie."""
_FEWEST_POINTS = 3
"""Any two points lie on a line."""


def by_columns(rows: Array) -> Array:
    """Return rows as float64 of shape (rows or steps, features); one dimension is one feature."""
    return np.asarray(rows, dtype=np.float64).reshape(-1, rows.shape[-1] if rows.ndim > 1 else 1)


def spreads(columns: Array) -> Array:
    """Return by column the standard deviation of its finite values; of a constant one its size, or 1."""
    finite = np.isfinite(columns)
    counts = np.maximum(finite.sum(axis=0), 1)
    values = np.where(finite, columns, 0.0)
    centre = values.sum(axis=0) / counts
    spread = np.sqrt((np.where(finite, columns - centre, 0.0) ** 2).sum(axis=0) / counts)
    size = np.abs(values).max(axis=0, initial=0.0)
    return np.where(spread > 1e-12 * size, spread, np.where(size > 0, size, 1.0))


def limits(columns: Array, spread: Array, tolerance: float = TOLERANCE) -> Array:
    """Return by column how far a served number may be from one of these: a share of the column's spread, and rounding."""
    size = np.abs(np.where(np.isfinite(columns), columns, 0.0)).max(axis=0, initial=0.0)
    return np.asarray(tolerance * spread + _ROUNDING * size)


@np.errstate(invalid="ignore", over="ignore")
def apart(given: Array, wanted: Array) -> Array:
    """Return distances element by element; 0 where both are NaN or the same infinity, infinity where only one is."""
    same = (given == wanted) | (np.isnan(given) & np.isnan(wanted))
    return np.where(same, 0.0, np.nan_to_num(np.abs(given - wanted), nan=np.inf, posinf=np.inf))


def exceeding(given: Array, wanted: Array, allowed: Array | float) -> Array:
    """Return for each element whether it is further from the wanted one than it may be."""
    return apart(given, wanted) > allowed


def moved(made: Array, right: Array) -> Array:
    """Return by how many spreads each column is off at most; 0 for the same values, infinity where one is missing on one side. Shapes must agree."""
    wanted = by_columns(right)
    return np.asarray(apart(by_columns(made), wanted).max(axis=0, initial=0.0) / spreads(wanted))


def wrong_columns(served: Array, right: Array) -> Array:
    """Return the columns in which served rows are not what they should be, in any row; shapes must agree."""
    return np.flatnonzero(_wrong(served, right).any(axis=0))


def wrong_rows(served: Array, right: Array) -> Array:
    """Return for each row whether it is not what it should be, in any column; shapes must agree."""
    return np.asarray(_wrong(served, right).reshape(len(served), -1).any(axis=1))


def _wrong(served: Array, right: Array) -> Array:
    wanted = by_columns(right)
    return exceeding(by_columns(served), wanted, limits(wanted, spreads(wanted)))


def straight_line(x: Array, y: Array, allowed: float) -> tuple[float, float] | None:
    """Return slope and intercept of the rising line that all points lie on, None where there is none or too few points to tell."""
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all() or len(np.unique(x)) < _FEWEST_POINTS:
        return None
    slope, residual = _fit(x[:, None], y[:, None])
    # Of a column that hardly varies any more, such as a logarithm behind a scaler for the raw numbers, every line is near: its own spread counts.
    of_its_own = max(_LINED * float(y.std()), _ROUNDING * float(np.abs(y).max()))
    if slope[0] <= 0 or residual[0] > min(allowed * max(1.0, slope[0]), of_its_own):
        return None
    return float(slope[0]), float(y.mean() - slope[0] * x.mean())


def _fit(x: Array, y: Array) -> tuple[Array, Array]:
    """By column, the slope of the best line and the greatest distance from it."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    squares = (x * x).sum(axis=0)
    slope = np.divide((x * y).sum(axis=0), squares, out=np.zeros_like(squares), where=squares > 0)
    return slope, np.abs(y - slope * x).max(axis=0, initial=0.0)


def affine_prefix(raw: Array, served: Array, columns: Iterable[int]) -> int:
    """Return for how many of the first rows all these served columns lie on one straight line each over the raw ones.

    A scaler that was refitted on batches draws another line for every batch: the prefix is then the batch size. 0 where it cannot be told.
    """
    chosen = [column for column in columns if len(np.unique(_flat(raw, column))) >= _FEWEST_POINTS]
    if not chosen or raw.shape != served.shape:
        return 0
    x, y = (np.stack([_flat(rows, column) for column in chosen], axis=-1) for rows in (raw, served))
    steps, allowed = len(x) // len(raw), limits(y, spreads(y))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return 0

    def straight(rows: int) -> bool:
        return bool((_fit(x[: rows * steps], y[: rows * steps])[1] <= allowed).all())

    # A prefix of a straight one is straight: halve the distance between one that is and one that is not.
    low, high = 1, len(raw) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if straight(middle) else (low, middle)
    return low


def _flat(rows: Array, column: int) -> Array:
    return by_columns(rows)[:, column]
