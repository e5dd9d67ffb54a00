"""Variants for missing values: rows whose gaps serving filled, instead of the pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.scaling.column_distance import TOLERANCE
from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant

__all__ = ["generate_filled_variants"]

_FILL_VALUES = (0.0, -1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Values that are commonly used for a missing value."""
_FILL_VALUES_AFTER_SCALING = _FILL_VALUES[:2]
_MIN_GAPS = 3
"""Gaps of one column in which the same unknown number is unlikely to be chance."""


def _compute_mean(rows: Array) -> Array:
    return np.asarray(np.nanmean(rows, axis=0))


def _compute_median(rows: Array) -> Array:
    return np.asarray(np.nanmedian(rows, axis=0))


_STATISTICS: dict[str, Callable[[Array], Array]] = {
    "mean of these rows": _compute_mean,
    "median of these rows": _compute_median,
}


def generate_filled_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows that serving would have fed if it filled the gaps itself.

    Nothing is yielded if there are no gaps. Rows that the scaler refuses are left out.
    """
    raw, apply = case.raw, case.scaling.apply
    gaps = np.isnan(raw) if is_float(raw.dtype) else np.zeros(raw.shape, bool)
    if not gaps.any():
        return
    yield from _scale(apply, ((f"filled:{value:g}", np.where(gaps, value, raw)) for value in _FILL_VALUES))
    yield from _scale(
        apply,
        (
            (f"filled:the {name}", np.where(gaps, _summarize(raw, statistic), raw))
            for name, statistic in _STATISTICS.items()
        ),
    )
    consecutive = slice(case.consecutive)
    yield from _scale(apply, [("filled-forward", _fill_forward(raw[consecutive], gaps[consecutive]))])
    if raw.shape == case.expected.shape == case.served.shape:
        for value in _FILL_VALUES_AFTER_SCALING:
            yield Variant(kind=f"filled-after:{value:g}", rows=np.where(gaps, value, case.expected))
        yield Variant(kind="filled-alike", rows=_fill_with_served(case.expected, case.served, gaps))


def _scale(apply: Callable[[Array], Array], filled: Iterable[tuple[str, Array]]) -> Iterator[Variant]:
    """Yield these rows scaled; those that the scaler refuses are left out."""
    for kind, rows in filled:
        try:
            scaled = apply(rows)
        except KcheckError:
            continue
        yield Variant(kind=kind, rows=scaled)


def _summarize(rows: Array, statistic: Callable[[Array], Array]) -> Array:
    """Return a statistic of each feature; the gaps are left out."""
    with warnings.catch_warnings():
        # NumPy warns about a feature of gaps only; its mean is NaN, and the gaps stay.
        warnings.simplefilter("ignore", RuntimeWarning)
        return statistic(rows.reshape(-1, rows.shape[-1]))


def _fill_forward(raw: Array, gaps: Array) -> Array:
    """Fill each gap with the value of the previous row, or of the previous time step."""
    axis = 0 if raw.ndim < 3 else 1
    shape = [-1 if dimension == axis else 1 for dimension in range(raw.ndim)]
    positions = np.arange(raw.shape[axis]).reshape(shape)
    last_known = np.maximum.accumulate(np.where(gaps, 0, positions), axis=axis)
    return np.asarray(np.take_along_axis(raw, last_known, axis=axis))


def _fill_with_served(expected: Array, served: Array, gaps: Array) -> Array:
    """Fill the gaps of a column with the one number served in all of them, if any."""
    filled = np.array(expected, dtype=np.float64)
    for column in np.flatnonzero(gaps.reshape(-1, gaps.shape[-1]).any(axis=0)):
        column_gaps = gaps[..., column]
        values = served[..., column][column_gaps].astype(np.float64)
        if len(values) >= _MIN_GAPS and _is_one_number(values):
            filled[..., column][column_gaps] = np.median(values)
    return filled


def _is_one_number(values: Array) -> bool:
    if not np.isfinite(values).all():
        return False
    return bool(np.ptp(values) <= TOLERANCE * max(1.0, float(np.abs(values).max())))
