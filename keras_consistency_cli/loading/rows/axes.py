"""Statistics of the axes of rows that tell time from features and channels from pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from keras_consistency_cli.measurement.distance import is_float_or_integer

__all__ = ["AxisLooks", "MovedAxes", "find_moved_axes", "measure_axes", "smoothness"]

_ALIKE, _UNLIKE = 0.9, 0.5
"""Correlations of mean images above which they show the same pattern, and below which they do not."""
_CLEARLY = 0.05
"""How much better a rotation must fit than an exchange of two axes, which comes first."""


@dataclass(frozen=True, kw_only=True)
class MovedAxes:
    """How axes must be moved to get the order of the reference rows.

    The two axes are exchanged if `quarters` is 0; else they are rotated by so many quarter turns, as
    `np.rot90(x, quarters, axes)` does.
    """

    axes: tuple[int, int]
    quarters: int = 0


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


def find_moved_axes(rows: np.ndarray, reference: np.ndarray) -> MovedAxes | None:
    """Return which axes of images or videos are exchanged or rotated, None if there are none.

    The mean of the rows shows where values are large: at the top of photos, in the middle of digits. It is
    compared with that of the reference rows, with axes moved and as it is. Mirrored images are not searched
    for: the mean of images in inverted colours looks like that.

    Args:
        rows: numbers of shape (rows, a, b, c, ...).
        reference: reference rows of the same rank.
    """
    is_numeric = is_float_or_integer(rows.dtype) and is_float_or_integer(reference.dtype)
    if not is_numeric or rows.ndim != reference.ndim or rows.ndim < 4 or not rows.size or not reference.size:
        return None
    mean, expected = (_finite(each).mean(axis=0, keepdims=True) for each in (rows, reference))
    likeness = {
        move: _pattern_correlation(moved, expected, move.axes)
        for move, moved in _moved_means(mean)
        if moved.shape == expected.shape
    }
    if not likeness:
        return None
    move = max(likeness, key=lambda each: likeness[each] - (_CLEARLY if each.quarters else 0.0))
    as_it_is = _pattern_correlation(mean, expected, move.axes) if mean.shape == expected.shape else 0.0
    return move if likeness[move] > _ALIKE and abs(as_it_is) < _UNLIKE else None


def _moved_means(mean: np.ndarray) -> Iterator[tuple[MovedAxes, np.ndarray]]:
    for axes in combinations(range(1, mean.ndim), 2):
        yield MovedAxes(axes=axes), mean.swapaxes(*axes)
        if axes == (mean.ndim - 3, mean.ndim - 2):  # height and width
            for quarters in (1, 3):
                yield MovedAxes(axes=axes, quarters=quarters), np.rot90(mean, quarters, axes)


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
