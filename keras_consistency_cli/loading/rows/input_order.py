"""Whether inputs are in each other's place, compared with served or reference rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from keras_consistency_cli.measurement.distance import is_float_or_integer

__all__ = ["swapped_inputs"]

_Rows = Mapping[str, np.ndarray]

_MOST_INPUTS = 4
"""Inputs of which every order is tried."""
_NEAR, _FAR = 0.25, 1.0
"""Standard deviations below which inputs are the same, and above which they are different."""


def swapped_inputs(candidate: _Rows, reference: _Rows, *, exact: bool) -> dict[str, str]:
    """Return which array is in the place of which input, if only a different order fits.

    Args:
        candidate: rows by input name.
        reference: the served or reference rows by input name.
        exact: whether the reference holds the same rows, as served rows do; otherwise statistics must agree.
    """
    names = [name for name in candidate if name in reference]

    def distance(order: Sequence[str]) -> float:
        return _distance(candidate, reference, names, order, exact=exact)

    if not 1 < len(names) <= _MOST_INPUTS or distance(names) < _FAR:
        return {}
    order = min(permutations(names), key=distance)
    if distance(order) > _NEAR:
        return {}
    return {name: other for name, other in zip(names, order, strict=True) if name != other}


def _distance(
    candidate: _Rows, reference: _Rows, names: Sequence[str], order: Sequence[str], *, exact: bool
) -> float:
    """Largest distance between the candidates in this order and the references by name.

    Infinite for different shapes.
    """
    pairs = [(candidate[other], reference[name]) for name, other in zip(names, order, strict=True)]
    if any(left.shape[1:] != right.shape[1:] or not is_float_or_integer(left.dtype) for left, right in pairs):
        return math.inf
    if exact:
        return 0.0 if all(_is_same(left, right) for left, right in pairs) else math.inf
    return max(_mean_shift(left, right) for left, right in pairs)


def _is_same(candidate: np.ndarray, reference: np.ndarray) -> bool:
    return candidate.shape == reference.shape and bool(
        np.allclose(candidate, reference, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def _mean_shift(candidate: np.ndarray, reference: np.ndarray) -> float:
    """Mean difference of the features' means, in standard deviations of the reference."""
    centre, spread = reference.mean(axis=0), reference.std(axis=0)
    return float(np.nanmean(np.abs(candidate.mean(axis=0) - centre) / np.where(spread > 0, spread, 1.0)))
