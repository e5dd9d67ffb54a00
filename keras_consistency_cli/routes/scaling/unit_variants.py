"""Variants of raw values in a different unit, in front of the saved scaler or without any.

In front of a straight line, the served values are a line over the right ones, which tells factor and offset
of the raw values. Only those of known units count: any other line may be a different scaler. A quantile or
power transformer bends the values, and may put most of them at one end of its range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.routes.scaling.column_distance import (
    ColumnComparison,
    compute_limits,
    compute_spreads,
    find_wrong_rows,
    flatten_to_columns,
    is_beyond_limit,
)
from keras_consistency_cli.routes.served.column_lines import Line, fit_rising_line
from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant

__all__ = ["FACTORS", "generate_plain_unit_variants", "generate_unit_variants"]

_TIMES = (60.0, 3600.0, 24.0, 86400.0, 7.0, 12.0)
_LENGTHS_AND_WEIGHTS = (2.54, 3.28084, 2.20462, 1.609344, 28.349523, 3.785412)
_SPEEDS_AND_OTHERS = (3.6, 2.236936, 1.852, 6.894757, 33.863886, 57.29578, 4.184)
FACTORS = (1.8, 10.0, 100.0, 1e3, 1e6, *_TIMES, *_LENGTHS_AND_WEIGHTS, *_SPEEDS_AND_OTHERS)
"""Kelvin and Fahrenheit, powers of ten, seconds to weeks, months; inches, feet, pounds, miles, ounces and
gallons; metres per second, miles per hour and knots, pressures, degrees and calories.
"""
_TEMPERATURES: Mapping[str, tuple[float, float]] = {
    "°F in place of °C (1.8 x + 32)": (1.8, 32.0),
    "°C in place of °F ((x - 32) / 1.8)": (1 / 1.8, -32 / 1.8),
    "K in place of °C (x + 273.15)": (1.0, 273.15),
    "°C in place of K (x - 273.15)": (1.0, -273.15),
}
_SAME_FACTOR, _SAME_OFFSET = 1e-4, 1e-3
"""Relative, and in spreads of the raw values: how exactly a line must be that of a known unit."""
_TRIED_ROWS, _LEAST_SHARE = 256, 0.5
_MOST_COLUMNS = 16
"""Raw columns that are changed one by one, if the scaler mixes them."""
_LEAST_NUMBERS = 3
"""Different numbers that a change of unit must give: any unit puts many values at the end of a range."""
_FITTED_TOLERANCE, _DIGITS, _LEAST_ON_LINE = 1e-3, 4, 8


class _Change(NamedTuple):
    """A change of unit: words, factor and offset."""

    words: str
    factor: float
    offset: float

    def apply(self, raw: Array, columns: list[int]) -> Array:
        """Return rows with these columns in the other unit."""
        changed = np.array(raw, dtype=np.float64)
        changed[..., columns] = changed[..., columns] * self.factor + self.offset
        return changed


def generate_unit_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows as the saved scaler gives them after a change of unit that most wrong rows fit."""
    if case.raw.dtype.kind not in "fiu" or case.raw.ndim < 2 or case.served.shape != case.expected.shape:
        return
    rows = np.flatnonzero(find_wrong_rows(case.served, case.expected))[:_TRIED_ROWS]
    comparison = ColumnComparison.of(case.served[rows], case.expected[rows])
    wrong = np.flatnonzero(comparison.wrong.any(axis=0)).tolist()
    straight = _find_straight(case, wrong)
    for change, columns in _find_known_changes(case.raw[rows], comparison, straight).items():
        yield from _build(case, change, columns)
    bent = [column for column in wrong if column not in straight]
    if not bent:
        return
    choices = _choose_columns(case, case.raw[rows])
    for change in _KNOWN:
        for columns in choices:
            tried = _scale(case, change.apply(case.raw[rows], columns))
            if tried is not None and _explains(tried, comparison, bent):
                yield from _build(case, change, columns)
    for column, change in _fit_changes(case, rows, bent):
        yield from _build(case, change, [column], _FITTED_TOLERANCE)


def _build(
    case: ServedInput, change: _Change, columns: list[int], tolerance: float | None = None
) -> Iterator[Variant]:
    rows = _scale(case, change.apply(case.raw, columns))
    if rows is not None:
        variant = Variant(kind=f"other-unit:{change.words}", rows=rows)
        yield variant if tolerance is None else Variant(kind=variant.kind, rows=rows, tolerance=tolerance)


def _scale(case: ServedInput, rows: Array) -> Array | None:
    """Return the rows as the saved scaler gives them, None if it refuses them."""
    try:
        with np.errstate(all="ignore"):
            scaled = case.scaling.apply(rows)
    except KcheckError:
        return None
    return scaled if scaled.shape[1:] == case.expected.shape[1:] else None


def generate_plain_unit_variants(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield the right rows after a change of unit, where there is no scaler in between."""
    if served.shape != expected.shape or expected.ndim < 2 or expected.dtype.kind not in "fiu":
        return
    rows = np.flatnonzero(find_wrong_rows(served, expected))[:_TRIED_ROWS]
    comparison = ColumnComparison.of(served[rows], expected[rows])
    lines = {int(column): Line(1.0, 0.0) for column in np.flatnonzero(comparison.wrong.any(axis=0))}
    for change, columns in _find_known_changes(expected[rows], comparison, lines).items():
        yield Variant(kind=f"other-unit:{change.words}", rows=change.apply(expected, columns))


def _find_straight(case: ServedInput, columns: list[int]) -> dict[int, Line]:
    """Return the columns that are a straight line over the raw ones, with these lines."""
    if case.raw.shape != case.expected.shape:
        return {}
    raw, expected = flatten_to_columns(case.raw), flatten_to_columns(case.expected)
    limits = compute_limits(expected, compute_spreads(expected))
    lines = {
        column: fit_rising_line(raw[:, column], expected[:, column], limits[column]) for column in columns
    }
    return {column: line for column, line in lines.items() if line is not None}


def _find_known_changes(
    raw: Array, comparison: ColumnComparison, scaled: Mapping[int, Line]
) -> dict[_Change, list[int]]:
    """Return the changes of a known unit that the wrong values of columns show, with these columns.

    Args:
        raw: the rows before scaling.
        comparison: served and right rows.
        scaled: for each column, the line of the scaler over the raw values.
    """
    found: dict[_Change, list[int]] = {}
    columns = flatten_to_columns(raw)
    for column, scaler in scaled.items():
        wrong = comparison.wrong[:, column]
        x, y = columns[wrong, column], comparison.served[wrong, column]
        line = fit_rising_line(x, y, float(np.ptp(y))) if len(np.unique(y)) >= _LEAST_ON_LINE else None
        if line is not None:
            offset = (line.intercept - scaler.intercept) / scaler.slope
            change = _recognize(line.slope / scaler.slope, offset, float(x.std()))
            if change is not None:
                found.setdefault(change, []).append(column)
    return found


def _recognize(factor: float, offset: float, spread: float) -> _Change | None:
    """Return the known change with this factor and offset of raw values, None if there is none."""
    for change in _KNOWN:
        is_same = math.isclose(factor, change.factor, rel_tol=_SAME_FACTOR)
        if is_same and abs(offset - change.offset) <= _SAME_OFFSET * max(1.0, change.factor) * spread:
            return change
    return None


def _choose_columns(case: ServedInput, raw: Array) -> list[list[int]]:
    """Return the raw columns to change at once: all, if each of them has a scaled column of its own."""
    columns = [column for column in range(raw.shape[-1]) if column not in case.scaling.texts]
    if _is_column_by_column(case, raw):
        return [columns]
    return [[column] for column in columns] if len(columns) <= _MOST_COLUMNS else []


def _is_column_by_column(case: ServedInput, raw: Array) -> bool:
    """Whether a different first column changes no other scaled column."""
    if case.raw.shape != case.expected.shape:
        return False
    changed = np.array(raw)
    changed[..., 0] = raw[::-1, ..., 0]
    ours, theirs = _scale(case, changed), _scale(case, raw)
    if ours is None or theirs is None:
        return False
    return bool(np.allclose(ours[..., 1:], theirs[..., 1:], equal_nan=True))


def _explains(tried: Array, comparison: ColumnComparison, bent: list[int]) -> bool:
    """Whether the tried rows give most wrong values of a column, and several different numbers."""
    columns = flatten_to_columns(tried)
    limits = compute_limits(columns, compute_spreads(columns))
    same = comparison.wrong & ~is_beyond_limit(comparison.served, columns, limits)
    return any(
        same[:, column].sum() >= _LEAST_SHARE * comparison.wrong[:, column].sum()
        and len(np.unique(comparison.served[same[:, column], column])) >= _LEAST_NUMBERS
        for column in bent
    )


def _fit_changes(case: ServedInput, rows: Array, bent: list[int]) -> Iterator[tuple[int, _Change]]:
    """Yield the line of each column over its raw values that the inverse of the scaler gives."""
    if case.raw.shape != case.expected.shape or not hasattr(case.scaling.scaler, "inverse_transform"):
        return
    try:
        inverted = flatten_to_columns(case.scaling.invert(np.asarray(case.served[rows], np.float64)))
    except Exception:
        # Any error of a scaler that has an inverse for its own values only.
        return
    raw, served = flatten_to_columns(case.raw[rows]), flatten_to_columns(case.served[rows])
    for column in bent:
        inside = _is_inside(served[:, column])
        x, y = raw[inside, column], inverted[inside, column]
        line = fit_rising_line(x, y, float(np.ptp(y))) if len(np.unique(y)) >= _LEAST_ON_LINE else None
        if line is not None:
            offset = 0.0 if abs(line.intercept) < _FITTED_TOLERANCE * y.std() else line.intercept
            numbers = (_round(line.slope, offset), (line.slope, line.intercept))
            yield from ((column, _describe(*pair)) for pair in numbers)


def _is_inside(values: Array) -> Array:
    """Which values are not at an end of the range at which several ones are."""
    ends = [end for end in (values.min(), values.max()) if (values == end).sum() > 1]
    return np.isfinite(values) & ~np.isin(values, ends)


def _round(factor: float, offset: float) -> tuple[float, float]:
    """Return the numbers with few digits, as a person has chosen them."""
    return float(f"{factor:.{_DIGITS}g}"), float(f"{offset:.{_DIGITS}g}")


def _describe(factor: float, offset: float) -> _Change:
    added = f" and {'plus' if offset > 0 else 'minus'} {abs(offset):.4g}" if offset else ""
    return _Change(f"{factor:.4g} times as large{added}", factor, offset)


_KNOWN = (
    *(_Change(words, *numbers) for words, numbers in _TEMPERATURES.items()),
    *(_Change(f"{factor:g} times as large", factor, 0.0) for factor in FACTORS),
    *(_Change(f"{factor:g} times as small", 1 / factor, 0.0) for factor in FACTORS),
)
