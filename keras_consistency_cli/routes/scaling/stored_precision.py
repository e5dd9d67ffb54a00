"""Rows that were already rounded when they were stored: the step between neighbouring numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.scaling.column_distance import compute_spreads, flatten_to_columns

__all__ = ["measure_stored_steps"]

_FEWEST = 8
"""Fewer values may be multiples of a step by chance."""
_LARGEST = 2.0**53
_TINY = 1e-4


def measure_stored_steps(rows: npt.NDArray[Any]) -> list[float]:
    """Return for each column the step of float32 or float16 at its values, if they were rounded to it.

    It is 0 for a column that shows no rounding: values that need float64, whole numbers that are exact,
    values of a wider grid of their own, or a step that is tiny for the column. float64 rows may have been
    float32 before.
    """
    if not is_float(rows.dtype):
        return []
    dtype = np.dtype(np.float16) if rows.dtype == np.float16 else np.dtype(np.float32)
    columns = flatten_to_columns(rows)
    steps = [_measure_step(column, dtype) for column in columns.T]
    spreads = compute_spreads(columns).tolist()
    return [step if step > _TINY * spread else 0.0 for step, spread in zip(steps, spreads, strict=True)]


def _measure_step(column: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> float:
    values = column[np.isfinite(column)]
    if len(values) < _FEWEST:
        return 0.0
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.array_equal(rounded, values):
        return 0.0
    step = float(np.spacing(np.median(np.abs(values)).astype(dtype)))
    is_exact = step <= 1 and np.array_equal(values, np.rint(values))
    return 0.0 if is_exact or _has_wider_grid(values / step) else step


def _has_wider_grid(multiples: npt.NDArray[np.float64]) -> bool:
    """Whether the multiples of the step have a common distance above 1, such as the 675 steps of a day."""
    if np.abs(multiples).max() > _LARGEST or not np.array_equal(multiples, np.rint(multiples)):
        return False
    whole = multiples.astype(np.int64)
    return int(np.gcd.reduce(whole - whole[0])) != 1
