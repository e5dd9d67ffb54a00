"""Served columns that are a function of the right ones, such as a logarithm.

Serving applied it once more than training did, or left out its inverse. Over the right values the function
must give the served ones value by value. Over the raw values, a scaler may follow, and thus any rising line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from keras_consistency_cli.routes.scaling.column_distance import (
    compute_limits,
    compute_spreads,
    is_beyond_limit,
)
from keras_consistency_cli.routes.served.column_lines import fit_rising_line
from keras_consistency_cli.routes.served.mistakes import Array, Variant

__all__ = ["find_function_before_scaling", "find_function_of_expected", "generate_time_functions"]

_Function = Callable[[Array], Array]
_FUNCTIONS: Mapping[str, _Function] = {
    "log1p": np.log1p,
    "log": np.log,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "square": np.square,
    "log10": np.log10,
    "log2": np.log2,
}
_BEFORE_A_LINE = ("log1p", "log", "sqrt", "square")
"""A line hides the base of a logarithm."""
_SERIES_AXES = 3
_MIN_VALUES = 2
_STEP_TOLERANCE, _ROUNDED = 1e-3, 2.0
"""How far differences may be from the line: as a share of their spread, and in units of the levels."""
_TINY = 1e-30
_MIN_VALUES_ON_LINE = 8
"""A line has two parameters, and there are several functions."""


def find_function_of_expected(
    served: Array, expected: Array, columns: list[int]
) -> tuple[str, list[int]] | None:
    """Return the function that gives most of these served columns value by value, and the columns."""
    return _most(
        (name, [column for column in columns if _gives(function, expected[:, column], served[:, column])])
        for name, function in _FUNCTIONS.items()
    )


def find_function_before_scaling(
    served: Array, raw: Array, columns: list[int], limits: Array
) -> tuple[str, list[int]] | None:
    """Return the function after which a scaler gives most of these served columns, and the columns."""
    return _most(
        (
            name,
            [
                column
                for column in columns
                if _gives_on_line(_FUNCTIONS[name], raw[:, column], served[:, column], limits[column])
            ],
        )
        for name in _BEFORE_A_LINE
    )


def _most(found: Iterator[tuple[str, list[int]]]) -> tuple[str, list[int]] | None:
    """Return the first function with most columns; None if none has any."""
    name, columns = max(found, key=lambda each: len(each[1]))
    return (name, columns) if columns else None


def _apply(function: _Function, values: Array) -> Array | None:
    """Return the values of the function; None if it is not defined for all of them."""
    with np.errstate(all="ignore"):
        result = function(values)
    return result if np.isfinite(result).all() else None


def _gives(function: _Function, expected: Array, served: Array) -> bool:
    values = _apply(function, expected)
    if values is None or len(np.unique(expected)) < _MIN_VALUES:
        return False
    # The spread of a function that grows fast, such as exp, may be far beyond all served values.
    limit = min(_limit(values), _limit(served))
    return not is_beyond_limit(served, values, limit).any()


def _limit(values: Array) -> float:
    column = values[:, None]
    return float(compute_limits(column, compute_spreads(column))[0])


def _gives_on_line(function: _Function, raw: Array, served: Array, limit: float) -> bool:
    values = _apply(function, raw)
    if values is None or len(np.unique(raw)) < _MIN_VALUES_ON_LINE:
        return False
    return fit_rising_line(values, served, limit) is not None


def generate_time_functions(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield series as differences, changes and sums along time, which serving takes or leaves out."""
    if expected.ndim != _SERIES_AXES or expected.shape[1] < 2 or expected.dtype.kind != "f":
        return
    first, before = expected[:, :1], expected[:, :-1]
    steps = np.diff(expected, axis=1)
    with np.errstate(all="ignore"):
        relative = np.nan_to_num(steps / before)
    for words, start, rest in (
        ("the differences along time", np.zeros_like(first), steps),
        ("the differences along time", first, steps),
        ("the relative changes along time", np.zeros_like(first), relative),
    ):
        yield Variant(kind=f"function:{words}", rows=np.concatenate([start, rest], axis=1))
    yield Variant(kind="function:the running sums along time", rows=np.cumsum(expected, axis=1))
    levels = _sum_up_like(expected, served)
    if levels is not None:
        yield Variant(kind="function:the running sums along time", rows=levels)


def _sum_up_like(expected: Array, served: Array) -> Array | None:
    """Return running sums that begin where each served series does, on a scale of their own.

    Training took differences and scaled them; serving scales the levels. None if the differences of the
    served values are no rising line over the right ones.
    """
    if served.shape != expected.shape or served.dtype.kind != "f" or not np.isfinite(served).all():
        return None
    right, steps = expected[:, 1:].astype(np.float64), np.diff(served.astype(np.float64), axis=1)
    # Levels may be large, and their differences then hold the rounding of the levels.
    rounding = _ROUNDED * float(np.finfo(served.dtype).eps) * float(np.abs(served).max())
    summed = np.zeros_like(steps)
    for column in range(steps.shape[-1]):
        x, y = right[..., column], steps[..., column]
        slope = float(np.cov(x.ravel(), y.ravel())[0, 1] / max(float(x.var(ddof=1)), _TINY))
        fitted = y.mean() + slope * (x - x.mean())
        if slope <= 0 or np.abs(y - fitted).max() > max(_STEP_TOLERANCE * float(y.std()), rounding):
            return None
        summed[..., column] = fitted
    return np.concatenate([served[:, :1], served[:, :1] + np.cumsum(summed, axis=1)], axis=1)
