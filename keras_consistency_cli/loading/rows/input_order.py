"""Whether inputs are in each other's place: by served or reference rows, by names, or by surplus arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.measurement.distance import is_float_or_integer
from keras_consistency_cli.measurement.facts import InputFact

__all__ = ["contradictory_keys", "shifted_inputs", "swapped_inputs"]

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


def shifted_inputs(arrays: _Rows, inputs: Sequence[InputFact]) -> dict[str, str]:
    """Return which array Keras feeds to which input, if surplus arrays shift the others.

    A model that takes a dict of inputs matches a dict with more keys by position, in sorted order, with only
    a warning (keras#23258). A model with a list of inputs finds them by name.
    """
    names = sorted(fact.name for fact in inputs)
    if not all(fact.key_of for fact in inputs) or not set(names) < set(arrays):
        return {}
    fed = dict(zip(names, sorted(arrays), strict=False))
    shapes = {fact.name: fact.shape for fact in inputs}
    if not all(fits(arrays[array].shape, shapes[name]) for name, array in fed.items()):
        return {}
    return {name: array for name, array in fed.items() if name != array}


def contradictory_keys(inputs: Sequence[InputFact]) -> dict[str, str]:
    """Return the keys of a dict of inputs that are the name of a different Input, and what they feed."""
    keys = {fact.name for fact in inputs}
    return {fact.name: fact.key_of for fact in inputs if fact.key_of in keys - {fact.name}}


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
