"""What is given beside the model: the shapes and looks of the rows, and what their owner says of them. Plain data for the checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import permutations
from typing import Any

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.rows.shape_fit import fits
from keras_consistency_cli.loading.rows.source import RowSource, choose_rows, match_inputs, take
from keras_consistency_cli.loading.subject_spec import raw_inputs
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.workers.load_request import subject_files

__all__ = ["axis_looks", "input_orders", "known_of", "smoothness"]

Rows = Mapping[str, np.ndarray]

_LOOKED_AT = 256
"""Rows that are enough to tell how axes look."""
_MOST_INPUTS = 4
"""Inputs of which every order is tried."""
_NEAR, _FAR = 0.25, 1.0
"""Standard deviations: inputs this near are the same, and this far others."""
_SMALLEST_AXIS = 3
"""Axes shorter than this say nothing about smoothness."""


def known_of(settings: Settings, opened: Inputs, facts: Facts) -> dict[str, Any]:
    """Return what the parent knows without running the model, for `Evidence.data`.

    `rows_given` holds by input: "shape", "dtype" and "expected" (the declared shape); for series whose axes could be swapped "looks" too.
    `orders` says by source ("served", "reference") which order of the inputs the rows are in, where it is not the model's own.
    """
    owner = settings.facts
    said = {
        name: getattr(owner, name)
        for name in ("stateful_rows", "time_axis", "variable_length", "step_by_step")
    }
    padding = {"value": owner.padding.value, "side": owner.padding.side} if owner.padding else None
    known = {
        "nonfinite_weights": opened.archive.nonfinite,
        **said,
        "padding": padding,
        "batch_size": settings.batch_size,
    }
    if opened.rows is None or not facts.inputs:
        return known
    files = subject_files(settings)
    inputs = raw_inputs(files, facts.inputs, opened.rows)
    names = match_inputs(opened.rows, inputs, batch_size=None)
    some = cache(partial(_some, opened.rows, names))
    given: dict[str, dict[str, Any]] = {}
    for fact in inputs:
        array = opened.rows.arrays[names[fact.name]]
        given[fact.name] = {
            "shape": array.shape,
            "dtype": str(array.dtype),
            "expected": fact.shape,
            "lenient": fact.lenient,
        }
        if _may_be_swapped(array.shape, fact.shape):
            given[fact.name]["looks"] = axis_looks(some()[fact.name])
        if _channels_may_come_first(array.shape, fact.shape):
            given[fact.name]["smooth"] = smoothness(some()[fact.name])
    return {**known, "rows_given": given, **_beside(opened, names, some)}


def _may_be_swapped(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether a series would be taken with its two axes swapped as well."""
    swapped = (
        len(shape) == 3
        and len(expected) == 3
        and expected[1] in (None, shape[2])
        and expected[2] in (None, shape[1])
    )
    return swapped and min(shape[1:]) >= _SMALLEST_AXIS


def _channels_may_come_first(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether pictures or films would be taken with axis 1 moved to the end as well."""
    return (
        len(shape) > 3
        and min(shape[1:]) >= _SMALLEST_AXIS
        and fits((shape[0], *shape[2:], shape[1]), expected)
    )


def _some(source: RowSource, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    return take(source, names, choose_rows(source.length, min(_LOOKED_AT, source.length), seed=0))


def _beside(opened: Inputs, names: Mapping[str, str], some: Callable[[], Rows]) -> dict[str, Any]:
    """What the reference rows and the served rows say of axes and of the order of inputs; `some` reads rows of the data."""
    found: dict[str, Any] = {"orders": {}}
    for source in ("reference", "served"):
        other = opened.additional.get(source)
        if other is None:
            continue
        named_alike = set(other.arrays) == set(names.values())
        if not named_alike and len(other.arrays) + len(names) > 2:
            continue
        theirs = _some(other, names if named_alike else dict(zip(names, other.arrays, strict=True)))
        order = input_orders(some(), theirs, exact=source == "served")
        if order:
            found["orders"][source] = order
        if source == "reference":
            found["reference_looks"] = {
                name: {"shape": values.shape, **axis_looks(values)}
                for name, values in theirs.items()
                if values.ndim == 3
            }
    return found


def axis_looks(values: np.ndarray) -> dict[str, Any]:
    """Return how the two axes of series look, each as a pair for (axis 1, axis 2).

    "levels": share of the variance that lies between the places of that axis, high along features of different size.
    "smooth": correlation of neighbours along it once levels are taken off, high along time. Zeros where nothing varies.

    Args:
        values: numbers of shape (rows, a, b).
    """
    if values.dtype.kind not in "fiu" or values.size == 0:
        return {"levels": (0.0, 0.0), "smooth": (0.0, 0.0), "centres": ((), ())}
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    flipped = finite.swapaxes(1, 2)
    levels = (_levels(finite), _levels(flipped))
    centres = tuple(tuple(each.mean(axis=(0, 2)).tolist()) for each in (finite, flipped))
    return {"levels": levels, "smooth": (_smooth(finite), _smooth(flipped)), "centres": centres}


def smoothness(values: np.ndarray) -> tuple[float, ...]:
    """Return by axis after the first the correlation of neighbours, once the mean over the rows is taken off; zeros where nothing varies."""
    if values.dtype.kind not in "fiu" or values.size == 0:
        return (0.0,) * (values.ndim - 1)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    rest = finite - finite.mean(axis=0, keepdims=True)
    return tuple(_neighbours(np.moveaxis(rest, axis, 1)) for axis in range(1, values.ndim))


def _neighbours(rest: np.ndarray) -> float:
    """Correlation of neighbours along axis 1."""
    left, right = rest[:, :-1].ravel(), rest[:, 1:].ravel()
    if left.size < 2 or left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _levels(values: np.ndarray) -> float:
    whole = values.var()
    return float(values.mean(axis=(0, 2)).var() / whole) if whole > 0 else 0.0


def _smooth(values: np.ndarray) -> float:
    """Correlation of neighbours along axis 1, once the mean over the rows and the spread of each place on axis 2 are taken off."""
    rest = values - values.mean(axis=0, keepdims=True)
    spread = rest.std(axis=(0, 1), keepdims=True)
    return _neighbours(rest / np.where(spread > 0, spread, 1.0))


def input_orders(
    mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], *, exact: bool
) -> dict[str, str]:
    """Return which of my arrays stands in for which of theirs, where another order than by name fits and by name does not; else nothing.

    Args:
        mine: rows by input name.
        theirs: the served or reference rows by input name.
        exact: whether theirs are the very same rows, as served ones are; else their statistics must agree.
    """
    names = [name for name in mine if name in theirs]
    if not 1 < len(names) <= _MOST_INPUTS or _distance(mine, theirs, names, names, exact=exact) < _FAR:
        return {}
    order = min(permutations(names), key=lambda order: _distance(mine, theirs, names, order, exact=exact))
    if _distance(mine, theirs, names, order, exact=exact) > _NEAR:
        return {}
    return {name: other for name, other in zip(names, order, strict=True) if name != other}


def _distance(mine: Rows, theirs: Rows, names: Sequence[str], order: Sequence[str], *, exact: bool) -> float:
    """How far the arrays of `order` are from those of `names`, the furthest pair; infinite for other shapes."""
    pairs = [(mine[other], theirs[name]) for name, other in zip(names, order, strict=True)]
    if any(left.shape[1:] != right.shape[1:] or left.dtype.kind not in "fiu" for left, right in pairs):
        return math.inf
    if exact:
        return 0.0 if all(_same(left, right) for left, right in pairs) else math.inf
    return max(_apart(left, right) for left, right in pairs)


def _same(mine: np.ndarray, theirs: np.ndarray) -> bool:
    return mine.shape == theirs.shape and bool(
        np.allclose(mine, theirs, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def _apart(mine: np.ndarray, theirs: np.ndarray) -> float:
    """How far the features of two samples lie apart on average, in standard deviations of theirs."""
    centre, spread = theirs.mean(axis=0), theirs.std(axis=0)
    return float(np.nanmean(np.abs(mine.mean(axis=0) - centre) / np.where(spread > 0, spread, 1.0)))
