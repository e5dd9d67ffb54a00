"""Statistics of the axes of rows that tell time from features and channels from pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from keras_consistency_cli.measurement.distance import is_float_or_integer

__all__ = ["AxisLooks", "find_exchanged_axes", "measure_axes", "smoothness"]

_ALIKE, _UNLIKE = 0.9, 0.5
"""Correlations of mean images above which they show the same pattern, and below which they do not."""


@dataclass(frozen=True, kw_only=True)
class AxisLooks:
    """Statistics of the two axes of series, each as a pair for (axis 1, axis 2).

    `levels` is the share of the variance that lies between the positions of that axis, high along features
    on different scales. `smooth` is the correlation of adjacent values along it once levels are removed,
    high along time. `centres` are the means by position. All are 0 or empty if nothing varies.
    """

    levels: tuple[float, float] = (0.0, 0.0)
    smooth: tuple[float, float] = (0.0, 0.0)
    centres: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())


def measure_axes(values: np.ndarray) -> AxisLooks:
    """Return what the two axes of series look like.

    Args:
        values: numbers of shape (rows, a, b).
    """
    if not is_float_or_integer(values.dtype) or values.size == 0:
        return AxisLooks()
    finite = _finite(values)
    flipped = finite.swapaxes(1, 2)
    return AxisLooks(
        levels=(_levels(finite), _levels(flipped)),
        smooth=(_smooth(finite), _smooth(flipped)),
        centres=(_centres(finite), _centres(flipped)),
    )


def smoothness(values: np.ndarray) -> tuple[float, ...]:
    """Return the correlation of adjacent values along each axis after the first.

    The mean over the rows is removed before. Zeros if nothing varies.
    """
    if not is_float_or_integer(values.dtype) or values.size == 0:
        return (0.0,) * (values.ndim - 1)
    finite = _finite(values)
    rest = finite - finite.mean(axis=0, keepdims=True)
    return tuple(_adjacent_correlation(np.moveaxis(rest, axis, 1)) for axis in range(1, values.ndim))


def find_exchanged_axes(rows: np.ndarray, reference: np.ndarray) -> tuple[int, int] | None:
    """Return the two axes of images or videos that are in each other's place, None if there are none.

    The mean of the rows shows where values are large: at the top of photos, in the middle of digits. It is
    compared with that of the reference rows, with two axes exchanged and as it is.

    Args:
        rows: numbers of shape (rows, a, b, c, ...).
        reference: reference rows of the same rank.
    """
    is_numeric = is_float_or_integer(rows.dtype) and is_float_or_integer(reference.dtype)
    if not is_numeric or rows.ndim != reference.ndim or rows.ndim < 4 or not rows.size or not reference.size:
        return None
    mean, expected = _finite(rows).mean(axis=0), _finite(reference).mean(axis=0)
    alike = {
        pair: _pattern_correlation(mean.swapaxes(*pair), expected, pair)
        for pair in combinations(range(mean.ndim), 2)
        if mean.swapaxes(*pair).shape == expected.shape
    }
    if not alike:
        return None
    pair, likeness = max(alike.items(), key=lambda each: each[1])
    as_it_is = _pattern_correlation(mean, expected, pair) if mean.shape == expected.shape else 0.0
    return (pair[0] + 1, pair[1] + 1) if likeness > _ALIKE and as_it_is < _UNLIKE else None


def _pattern_correlation(first: np.ndarray, second: np.ndarray, axes: tuple[int, int]) -> float:
    """Correlation of the patterns along two axes; the levels of other axes, such as channels, are removed."""
    left, right = (each - each.mean(axis=axes, keepdims=True) for each in (first, second))
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _adjacent_correlation(rest: np.ndarray) -> float:
    """Correlation of adjacent values along axis 1."""
    left, right = rest[:, :-1].ravel(), rest[:, 1:].ravel()
    if left.size < 2 or left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _centres(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.mean(axis=(0, 2)).tolist())


def _levels(values: np.ndarray) -> float:
    whole = values.var()
    return float(values.mean(axis=(0, 2)).var() / whole) if whole > 0 else 0.0


def _smooth(values: np.ndarray) -> float:
    """Correlation of adjacent values along axis 1.

    The mean over the rows and the spread of each position of axis 2 are removed before.
    """
    rest = values - values.mean(axis=0, keepdims=True)
    spread = rest.std(axis=(0, 1), keepdims=True)
    return _adjacent_correlation(rest / np.where(spread > 0, spread, 1.0))
