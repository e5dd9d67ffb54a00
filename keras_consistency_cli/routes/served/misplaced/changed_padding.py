"""Served rows with the right time steps and other padding, such as rows that are scaled after padding.

The wrong time steps of such a row are its padding: a run at one end that is one time step, repeated, in the
right rows and another one in the served rows. Or they are declared as padding, or masked by the model.
"""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.served.misplaced.moved_padding import MovedRows
from keras_consistency_cli.routes.served.mistakes import Array

__all__ = ["find_changed_padding"]

_TELLING_ROWS, _LEAST_SHARE = 3, 0.5
_SERIES_AXES = 3
_SHOWN_NUMBERS = 3
_OWN = "a number of its own in the padding of each row"


def find_changed_padding(
    served: Array, expected: Array, wrong: Array, declared: Array | None, *, are_ids: bool
) -> list[MovedRows]:
    """Return the rows with other padding; nothing if most wrong rows are not wrong in their padding only.

    Args:
        served: the served rows, (rows, time steps) or (rows, time steps, channels).
        expected: the expected rows, of the same shape.
        wrong: which values are wrong, with the same number of elements.
        declared: which time steps are padding by what the user or the model says, None if nothing is said.
        are_ids: whether the values are ids of a table; other rows without channels have no time steps.
    """
    if expected.ndim != _SERIES_AXES and not (expected.ndim == 2 and (are_ids or declared is not None)):
        return []
    ours, theirs = (rows.reshape(*rows.shape[:2], -1) for rows in (served, expected))
    steps: Array = np.asarray(wrong.reshape(ours.shape).any(axis=2))
    is_wrong: Array = np.asarray(steps.any(axis=1))
    is_stated = declared is not None and declared.shape == steps.shape
    known = np.zeros_like(is_wrong) if declared is None or not is_stated else ~(steps & ~declared).any(axis=1)
    padded = is_wrong & (known | (_are_at_ends(steps) & _hold(theirs, steps, _find_usual(theirs, steps))))
    value = _find_usual(ours, steps & padded[:, None])
    is_usual = padded & _hold(ours, steps, value)
    is_one = 2 * is_usual.sum() >= padded.sum()
    changed = is_usual if is_one else padded & _repeat(ours, steps)
    # A single time step is one number in any case.
    telling = changed if is_one else changed & (steps.sum(axis=1) > 1)
    if telling.sum() < _TELLING_ROWS or changed.sum() < _LEAST_SHARE * is_wrong.sum():
        return []
    # Time steps of one place may be something else than padding, such as a forecast that is not known yet.
    if not known.any() and len(np.unique(steps[changed].sum(axis=1))) < 2:
        return []
    right = _describe(_find_usual(theirs, steps & changed[:, None]))
    words = f"{_describe(value)} in the padding" if is_one else _OWN
    return [MovedRows(kind=f"padding-changed:{words} in place of {right}", mask=changed)]


def _are_at_ends(steps: Array) -> Array:
    """Whether the steps of each row that are marked are runs at its ends."""
    left = np.logical_and.accumulate(steps, axis=1)
    right = np.logical_and.accumulate(steps[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((steps == (left | right)).all(axis=1))


def _find_usual(rows: Array, steps: Array) -> Array:
    """Return what most of the marked time steps hold."""
    if not steps.any():
        return np.full(rows.shape[-1], np.nan)
    values, counts = np.unique(rows[steps], axis=0, return_counts=True)
    return np.asarray(values[np.argmax(counts)])


def _hold(rows: Array, steps: Array, value: Array) -> Array:
    """Whether all marked time steps of each row hold this value."""
    is_other = ~np.isclose(rows, value, equal_nan=True).all(axis=2)
    return np.asarray(~(steps & is_other).any(axis=1))


def _repeat(rows: Array, steps: Array) -> Array:
    """Whether all marked time steps of each row are the same one."""
    first = rows[np.arange(len(rows)), np.argmax(steps, axis=1)]
    is_other = ~np.isclose(rows, first[:, None], equal_nan=True).all(axis=2)
    return np.asarray(~(steps & is_other).any(axis=1))


def _describe(value: Array) -> str:
    numbers = value[:1] if len(np.unique(value)) == 1 else value
    shown = ", ".join(f"{number:.4g}" for number in numbers[:_SHOWN_NUMBERS])
    return f"{shown}, …" if len(numbers) > _SHOWN_NUMBERS else shown
