"""The look of the axes of rows, which reveals swapped axes and swapped inputs.

Neither shapes nor dtypes show such mistakes, but the values do: neighbours along time are similar, and the
features of an input have their own levels. Everything here is computed from a sample of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TypedDict

import numpy as np

__all__ = ["AxisLooks", "describe_axes", "find_input_order", "measure_smoothness"]

Rows = Mapping[str, np.ndarray]

_MAX_INPUTS = 4
"""Inputs whose every order is tried; the number of orders grows as a factorial."""
_NEAR, _FAR = 0.25, 1.0
"""Standard deviations: inputs at most this near are the same, inputs at least this far are different."""
_ROUNDING = {"rtol": 1e-4, "atol": 1e-6}
"""Served rows may be rounded to float32 or written as text."""


class AxisLooks(TypedDict):
    """The look of the two axes of series, each as a pair for (axis 1, axis 2).

    `levels` is the share of the variance that lies between the positions of an axis; it is high along
    features of different size. `smooth` is the correlation of neighbours along an axis after levels are
    subtracted; it is high along time. `centres` are the means of the positions. Zeros if nothing varies.
    """

    levels: tuple[float, float]
    smooth: tuple[float, float]
    centres: tuple[tuple[float, ...], ...]


def describe_axes(values: np.ndarray) -> AxisLooks:
    """Return the look of the two axes of series.

    Args:
        values: numbers of shape (rows, a, b).
    """
    if values.dtype.kind not in "fiu" or values.size == 0:
        return {"levels": (0.0, 0.0), "smooth": (0.0, 0.0), "centres": ((), ())}
    finite = _replace_nonfinite(values)
    swapped = finite.swapaxes(1, 2)
    return {
        "levels": (_measure_level_share(finite), _measure_level_share(swapped)),
        "smooth": (_measure_scaled_smoothness(finite), _measure_scaled_smoothness(swapped)),
        "centres": (tuple(_list_centres(finite)), tuple(_list_centres(swapped))),
    }


def measure_smoothness(values: np.ndarray) -> tuple[float, ...]:
    """Return the correlation of neighbours along each axis after the first.

    Zero if nothing varies. The mean over the rows is subtracted first.
    """
    if values.dtype.kind not in "fiu" or values.size == 0:
        return (0.0,) * (values.ndim - 1)
    finite = _replace_nonfinite(values)
    deviations = finite - finite.mean(axis=0, keepdims=True)
    return tuple(_correlate_neighbours(np.moveaxis(deviations, axis, 1)) for axis in range(1, values.ndim))


def _replace_nonfinite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _correlate_neighbours(deviations: np.ndarray) -> float:
    """The correlation of neighbours along axis 1."""
    left, right = deviations[:, :-1].ravel(), deviations[:, 1:].ravel()
    if left.size < 2 or left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _list_centres(values: np.ndarray) -> list[float]:
    centres: list[float] = values.mean(axis=(0, 2)).tolist()
    return centres


def _measure_level_share(values: np.ndarray) -> float:
    """The share of the variance between the positions of axis 1."""
    total = values.var()
    return float(values.mean(axis=(0, 2)).var() / total) if total > 0 else 0.0


def _measure_scaled_smoothness(values: np.ndarray) -> float:
    """The correlation of neighbours along axis 1.

    The positions of axis 2 are brought to one scale first.
    """
    deviations = values - values.mean(axis=0, keepdims=True)
    spread = deviations.std(axis=(0, 1), keepdims=True)
    return _correlate_neighbours(deviations / np.where(spread > 0, spread, 1.0))


def find_input_order(candidate: Rows, reference: Rows, *, exact: bool) -> dict[str, str]:
    """Return the order of inputs in which the candidate fits the reference.

    Empty if it fits by name, and if no order fits. A key is a name of the reference, its value
    the candidate's array that belongs there.

    Args:
        candidate: rows by input name.
        reference: the served or reference rows by input name.
        exact: whether the reference holds the very same rows, as served ones do; else the means of the
            features must agree.
    """
    names = [name for name in candidate if name in reference]

    def distance(order: Sequence[str]) -> float:
        return _measure_order_distance(candidate, reference, names, order, exact=exact)

    if not 1 < len(names) <= _MAX_INPUTS or distance(names) < _FAR:
        return {}
    order = min(permutations(names), key=distance)
    if distance(order) > _NEAR:
        return {}
    return {name: other for name, other in zip(names, order, strict=True) if name != other}


def _measure_order_distance(
    candidate: Rows, reference: Rows, names: Sequence[str], order: Sequence[str], *, exact: bool
) -> float:
    """The distance of the worst pair if the candidate's arrays come in this order.

    Infinite for arrays of different shapes, and for arrays that are not numbers.
    """
    pairs = [(candidate[other], reference[name]) for name, other in zip(names, order, strict=True)]
    if any(left.shape[1:] != right.shape[1:] or left.dtype.kind not in "fiu" for left, right in pairs):
        return math.inf
    if exact:
        return 0.0 if all(_is_equal_but_for_rounding(left, right) for left, right in pairs) else math.inf
    return max(_measure_mean_shift(left, right) for left, right in pairs)


def _is_equal_but_for_rounding(candidate: np.ndarray, reference: np.ndarray) -> bool:
    """Whether the rows are the same; NaN equals NaN."""
    return candidate.shape == reference.shape and bool(
        np.allclose(candidate, reference, **_ROUNDING, equal_nan=True)
    )


def _measure_mean_shift(candidate: np.ndarray, reference: np.ndarray) -> float:
    """The average shift of a feature's mean, in standard deviations of the reference.

    Features whose mean is NaN do not count.
    """
    centre, spread = reference.mean(axis=0), reference.std(axis=0)
    shifts = np.abs(candidate.mean(axis=0) - centre) / np.where(spread > 0, spread, 1.0)
    return float(np.nanmean(shifts))
