"""Whether recorded outputs are today's in other places: of other rows, or of other time steps.

Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_consistency_cli.routes.persistence.recordings.activations import CLOSE, close

__all__ = ["describe_places"]

_MOST_SHIFT = 3
_SERIES_AXES = 3
_MOST_ROWS, _MOST_VALUES = 256, 2**26
"""Each recorded row is compared with each of today's, in so many values at most."""
_MOST_NAMED = 3
_DISTINCT = 0.9
"""Share of the rows that are unlike every other one."""


def describe_places(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe the places of today's outputs in the recorded ones; None if these are other numbers.

    Args:
        recorded: finite outputs.
        today: finite outputs of the same shape.
    """
    return next(_shifted_steps(recorded, today), None) or _describe_sources(recorded, today)


def _shifted_steps(recorded: np.ndarray, today: np.ndarray) -> Iterator[str]:
    """Yield the description of time steps in reverse order, or moved by a few."""
    if recorded.ndim < _SERIES_AXES:
        return
    if close(recorded, today[:, ::-1]):
        yield "today's outputs with their time steps in reverse order"
    for shift in range(1, min(_MOST_SHIFT, recorded.shape[1] // 2) + 1):
        words = "one time step" if shift == 1 else f"{shift} time steps"
        if close(recorded[:, shift:], today[:, :-shift]):
            yield f"today's outputs {words} late"
        if close(recorded[:, :-shift], today[:, shift:]):
            yield f"today's outputs {words} early"


def _describe_sources(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe rows that hold the outputs of another row, as of a batch that was written twice.

    Rows with the same outputs cannot be told from each other, and rows must differ for this to mean anything.
    """
    ours, theirs = today.reshape(len(today), -1), recorded.reshape(len(recorded), -1)
    if len(ours) > _MOST_ROWS or ours.size * len(ours) > _MOST_VALUES:
        return None
    limit = CLOSE * float(ours.std())
    distances = np.stack([np.abs(ours - row).max(axis=1) for row in theirs])
    apart = np.stack([np.abs(ours - row).max(axis=1) for row in ours]) > 2 * limit
    is_own = np.diagonal(distances) <= limit
    wrong = np.flatnonzero(~is_own)
    are_distinct = float((apart.sum(axis=1) >= len(ours) - 1).mean()) >= _DISTINCT
    # A single number may be near that of another row by chance.
    if not are_distinct or len(wrong) * ours.shape[1] < 2 or (distances.min(axis=1) > limit).any():
        return None
    sources = distances.argmin(axis=1)
    named = ", ".join(f"row {row} has those of row {sources[row]}" for row in wrong[:_MOST_NAMED])
    more = ", …" if len(wrong) > _MOST_NAMED else ""
    return f"today's outputs, {len(wrong)} of {len(ours)} rows in the wrong place: {named}{more}"
