"""Variants of scalers that keep learning: fitted on all rows so far, on the last ones, or group by group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit, Scaling
from keras_consistency_cli.routes.scaling.column_distance import find_wrong_columns
from keras_consistency_cli.routes.served.mistakes import Array, ServedInput, Variant
from keras_consistency_cli.text import clean

__all__ = ["generate_group_variants", "generate_updated_variants", "generate_window_variants"]

_ROWS, _FIRST_ROWS = 64, 4
"""Rows that are made, and those that are compared before the rest is made."""
_LAST = (5, 7, 8, 10, 12, 14, 16, 20, 24, 28, 30, 32, 48, 50, 60)
_MOST_GROUPS, _FEWEST_IN_GROUP = 32, 3
_MOST_GROUPED_COLUMNS = 16


def generate_updated_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows as the saved scaler gives them if it first learns from each batch."""
    raw = case.raw[: case.consecutive]
    for size in dict.fromkeys((1, *case.sizes)):
        rows = case.scaling.update_transform(raw[: max(_ROWS, 2 * size)], size)
        yield Variant(kind="refit-updated", rows=rows, batch=size)


def generate_window_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows as scaled after a fit on all rows up to each one, or on the last ones."""
    raw, served = case.raw[: case.consecutive], case.served[: case.consecutive]
    for last in (len(raw), *(last for last in _LAST if last < len(raw))):
        is_so_far = last == len(raw)
        first = 0 if is_so_far else last
        part = served[first : first + _FIRST_ROWS]
        if _explains(_scale_windows(case.scaling, raw, last, range(first, first + len(part))), part):
            rows = _scale_windows(case.scaling, raw, last, range(min(_ROWS, len(raw))))
            kind, batch = ("refit-so-far", None) if is_so_far else ("refit-last", last)
            if rows is not None:
                yield Variant(kind=kind, rows=rows, batch=batch)


def _explains(candidate: Array | None, served: Array) -> bool:
    """Whether the candidate gives at least one varying column of the served rows."""
    if candidate is None or candidate.shape != served.shape:
        return False
    return bool(len(find_wrong_columns(served, candidate)) < served.shape[-1])


def _scale_windows(scaling: Scaling, raw: Array, last: int, rows: range) -> Array | None:
    """Return each of these rows, scaled by a scaler that was fitted on it and on the rows before."""
    try:
        scaled = [scaling.refit_transform(raw[max(0, row + 1 - last) : row + 1])[-1:] for row in rows]
    except (CannotRefit, KcheckError):
        return None
    return np.concatenate(scaled) if scaled else None


def generate_group_variants(case: ServedInput) -> Iterator[Variant]:
    """Yield the rows scaled within the groups that the values of one column make."""
    raw = case.raw[: case.consecutive]
    if raw.ndim != 2:
        return
    names = case.scaling.column_names
    for column in range(min(raw.shape[1], _MOST_GROUPED_COLUMNS)):
        values, places = np.unique(raw[:, column], return_inverse=True)
        is_group = 1 < len(values) <= _MOST_GROUPS and np.bincount(places).min() >= _FEWEST_IN_GROUP
        if is_group:
            rows = case.expected[: len(raw)].astype(np.float64, copy=True)
            for place in range(len(values)):
                rows[places == place] = case.scaling.refit_transform(raw[places == place])
            name = f"'{clean(names[column])}'" if names else str(column)
            yield Variant(kind=f"refit-groups:{name}", rows=rows)
