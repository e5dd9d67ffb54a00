"""Gaps: what serving may have put where the raw rows miss a value, instead of what the pipeline puts there. Pure NumPy, on arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE
from keras_consistency_cli.routes.scaling.mistake_matching import Variant

__all__ = ["filled_gaps"]

Array = npt.NDArray[Any]

_FILLERS = (0.0, -1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""What people put where a value is missing."""
_FEWEST = 3
"""Gaps of one column in which the same unknown number is no accident."""


def _at_hand(statistic: Callable[..., Any]) -> Callable[[Array], Array]:
    """A statistic of each feature over these rows, gaps left out."""

    def of_rows(rows: Array) -> Array:
        with warnings.catch_warnings():
            # a feature of nothing but gaps has no mean, and stays one
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.asarray(statistic(rows.reshape(-1, rows.shape[-1]), axis=0))

    return of_rows


_AT_HAND = {"mean of these rows": _at_hand(np.nanmean), "median of these rows": _at_hand(np.nanmedian)}


def filled_gaps(
    raw: Array, right: Array, served: Array, apply: Callable[[Array], Array], *, consecutive: int
) -> Iterator[Variant]:
    """Yield what serving would have fed, had it filled the gaps of the raw rows by itself; nothing where there are none.

    Args:
        raw: rows as they were given, (rows, ..., features), NaN where a value is missing.
        right: what the model should be fed for them.
        served: what it was fed.
        apply: scales raw rows; a KcheckError says that it cannot.
        consecutive: how many rows at the beginning follow one another.
    """
    gaps = np.isnan(raw) if raw.dtype.kind == "f" else np.zeros(raw.shape, bool)
    if not gaps.any():
        return
    yield from _made(apply, ((f"filled:{filler:g}", np.where(gaps, filler, raw)) for filler in _FILLERS))
    yield from _made(
        apply,
        ((f"filled:the {name}", np.where(gaps, of_rows(raw), raw)) for name, of_rows in _AT_HAND.items()),
    )
    yield from _made(apply, [("filled-forward", _forward(raw[:consecutive], gaps[:consecutive]))])
    if raw.shape == right.shape == served.shape:
        yield from (
            Variant(kind=f"filled-after:{filler:g}", rows=np.where(gaps, filler, right))
            for filler in _FILLERS[:2]
        )
        yield Variant(kind="filled-alike", rows=_alike(right, served, gaps))


def _made(apply: Callable[[Array], Array], filled: Any) -> Iterator[Variant]:
    """Scale each of these rows; a number that the scaler refuses is passed over."""
    for kind, rows in filled:
        try:
            made = apply(rows)
        except KcheckError:
            continue
        yield Variant(kind=kind, rows=made)


def _forward(raw: Array, gaps: Array) -> Array:
    """The value before in place of each missing one: of the row before, or within a row of the step before."""
    steps = 0 if raw.ndim < 3 else 1
    places = np.arange(raw.shape[steps]).reshape([-1 if axis == steps else 1 for axis in range(raw.ndim)])
    last = np.maximum.accumulate(np.where(gaps, 0, places), axis=steps)
    return np.asarray(np.take_along_axis(raw, last, axis=steps))


def _alike(right: Array, served: Array, gaps: Array) -> Array:
    """What should have been served, with the gaps of each column filled by the one number that serving has in all of them, where it has one."""
    made = np.array(right, dtype=np.float64)
    for column in np.flatnonzero(gaps.reshape(-1, gaps.shape[-1]).any(axis=0)):
        here = gaps[..., column]
        found = served[..., column][here].astype(np.float64)
        if (
            len(found) >= _FEWEST
            and np.isfinite(found).all()
            and np.ptp(found) <= TOLERANCE * max(1.0, float(np.abs(found).max()))
        ):
            made[..., column][here] = np.median(found)
    return made
