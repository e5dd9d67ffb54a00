"""Rows that were rounded or cut: to whole numbers, to decimals, or to the steps of a coarse grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.served.mistakes import Array, Variant
from keras_consistency_cli.text import format_count

__all__ = ["find_grid", "generate_rounded_before", "generate_rounded_variants"]

_DECIMALS = (1, 2, 3, 4, 5, 6)
_DECIMALS_BEFORE = (1, 2, 3)
_MOST_LEVELS, _FEWEST_LEVELS = 65_536, 3
"""Values that a grid is searched in, and different ones that it needs."""
_FINEST = 1e-6
"""Step of the finest grid, as a share of the range; floats lie on a grid as well."""
_ON_GRID = 1e-3
_TIE = 1e-3
"""In steps: a value as near as this to the middle of two steps may be rounded to either."""


def generate_rounded_before(raw: Array, apply: Callable[[Array], Array]) -> Iterator[Variant]:
    """Yield the rows scaled after they were cut or rounded.

    Args:
        raw: rows before scaling.
        apply: scales them.
    """
    if not is_float(raw.dtype):
        return
    yield Variant(kind="cut-first", rows=apply(np.trunc(raw)))
    yield Variant(kind="rounded-first", rows=apply(np.rint(raw)))
    for decimals in _DECIMALS_BEFORE:
        rounded = np.round(raw, decimals)
        if (rounded != raw).any():
            yield Variant(kind=f"decimals-first:{format_count(decimals, 'decimal')}", rows=apply(rounded))


def generate_rounded_variants(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield the right rows cut or rounded to whole numbers, to decimals, and to a grid of steps."""
    if not is_float(expected.dtype):
        return
    if _has_whole_numbers(served):
        yield Variant(kind="cut-after", rows=np.trunc(expected))
        yield Variant(kind="rounded-after", rows=np.rint(expected))
    if served.shape == expected.shape and np.isfinite(served).all() and np.isfinite(expected).all():
        yield from _round_to_decimals(expected, served)
        yield from _round_to_grids(expected, served)


def _round_to_decimals(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield the rows in which the columns that are served with so many decimals have no more."""
    axes, done = tuple(range(served.ndim - 1)), np.zeros(served.shape[-1:], bool)
    for decimals in _DECIMALS:
        rounded = np.round(served.astype(np.float64), decimals).astype(served.dtype)
        columns = (rounded == served).all(axis=axes) & ~done
        if columns.any():
            rows = _to_steps(expected, served, np.zeros(len(columns)), 10.0**-decimals)
            yield Variant(
                kind=f"decimals:{format_count(decimals, 'decimal')}", rows=np.where(columns, rows, expected)
            )
        done |= columns


def _round_to_grids(expected: Array, served: Array) -> Iterator[Variant]:
    """Yield the rows on the grid of each column, to the nearest step and to the step below."""
    flat, right = (rows.reshape(-1, rows.shape[-1])[:_MOST_LEVELS] for rows in (served, expected))
    grids = [
        find_grid(flat[:, column]) if _merges_values(flat[:, column], right[:, column]) else None
        for column in range(flat.shape[1])
    ]
    if not any(grids):
        return
    start, step = (np.array([grid[part] if grid else 1.0 for grid in grids]) for part in (0, 1))
    has_grid = np.array([grid is not None for grid in grids])
    for is_cut in (False, True):
        rows = _to_steps(expected, served, start, step, is_cut=is_cut)
        kind = f"grid:{step[has_grid].max():.3g}"
        yield Variant(kind=kind, rows=np.where(has_grid, rows, expected))


def _has_whole_numbers(served: Array) -> bool:
    """Whether a row or a column holds whole numbers only, and not one number alone, such as a filled gap."""
    flat = served.reshape(-1, served.shape[-1]) if served.ndim > 1 else served[:, None]
    is_whole = flat == np.rint(flat)
    return any(
        bool((is_whole.all(axis=axis) & (flat.min(axis=axis) < flat.max(axis=axis))).any()) for axis in (0, 1)
    )


def _merges_values(served: Array, expected: Array) -> bool:
    """Whether rounding can be seen: right values that lie on a grid themselves must become fewer.

    A different scaler also moves counts and flags to a grid, but different values stay different.
    """
    levels = len(np.unique(expected))
    is_coarse = levels < _FEWEST_LEVELS or find_grid(expected) is not None
    return not is_coarse or len(np.unique(served)) < levels


def find_grid(served: Array) -> tuple[float, float] | None:
    """Return start and step of a grid that all values lie on; None for values of any size."""
    levels = np.unique(served.astype(np.float64))
    if len(levels) < _FEWEST_LEVELS:
        return None
    start, span = float(levels[0]), float(np.ptp(levels))
    step = float(np.diff(levels).min())
    if step < _FINEST * span:
        return None
    # The smallest gap is known to a few digits only; the whole range makes it exact.
    step = span / max(round(span / step), 1)
    places = (levels - start) / step
    return (start, step) if np.abs(places - np.rint(places)).max() < _ON_GRID else None


def _to_steps(
    expected: Array, served: Array, start: Array, step: Array | float, *, is_cut: bool = False
) -> Array:
    """Round to steps; a value between two of them may have gone either way, as the served one did."""
    places = (expected.astype(np.float64) - start) / step
    taken = np.rint((served.astype(np.float64) - start) / step)
    off = places - taken
    is_reached = (off >= -_TIE) & (off <= 1 + _TIE) if is_cut else np.abs(off) <= 0.5 + _TIE
    return np.asarray(
        start + step * np.where(is_reached, taken, np.floor(places) if is_cut else np.rint(places))
    )
