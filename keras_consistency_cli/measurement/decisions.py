"""Decisions: what users make of an answer, the greatest class or a threshold, and how near each was to being another one. Pure NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.facts import Decision

__all__ = ["counted", "flips", "margin"]

Array = npt.NDArray[Any]
_THRESHOLD = 0.5


def flips(candidate: Array, reference: Array, decision: Decision | None) -> Array | None:
    """Return where decisions come out differently, one a row or one a label; None where nothing is decided.

    Args:
        candidate: answers of shape (rows, ...), classes on the last axis for "argmax".
        reference: answers of the same shape.
        decision: how answers are turned into decisions.
    """
    if decision == "argmax" and reference.ndim >= 2 and reference.shape[-1] > 1:
        return np.asarray(candidate.argmax(axis=-1) != reference.argmax(axis=-1))
    return (
        np.asarray((candidate >= _THRESHOLD) != (reference >= _THRESHOLD))
        if decision == "threshold"
        else None
    )


def counted(flipped: Array | None, numbers: Array, most: int) -> dict[str, Any]:
    """Return how many decisions there are, how many come out differently, and at most so many of the rows with such; empty where none are made.

    Args:
        flipped: what `flips` returned.
        numbers: the number of each row in the user's data.
        most: rows to name.
    """
    if flipped is None:
        return {}
    rows = np.flatnonzero(flipped.reshape(len(flipped), -1).any(axis=1))[:most] if flipped.size else ()
    return {
        "decisions": int(flipped.size),
        "flipped": int(flipped.sum()),
        "flipped_rows": tuple(int(numbers[row]) for row in rows),
    }


def margin(answers: Array, index: tuple[int, ...], decision: Decision) -> float:
    """Return how near the decision at this element of one row is: the lead of the greatest class over the next, or the distance from 0.5."""
    if decision == "argmax":
        return float(np.diff(np.partition(answers[index[:-1]], -2)[-2:])[0])
    return abs(float(answers[index]) - _THRESHOLD)
