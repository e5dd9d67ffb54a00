"""Wrong answers that are the right ones for a different row, and how far answers are from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from keras_consistency_cli.routes.trace import Outputs
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer

__all__ = ["Misplaced", "distances", "find_misplaced", "furthest", "largest_difference"]

_FAR = float(np.finfo(np.float32).max)
_NEAR = 1e-4
"""As a share of the largest answer: an answer this near to that of a different row is that answer."""


@dataclass(frozen=True, kw_only=True)
class Misplaced:
    """Of the wrong answers to one request: those that are right for a row in it, and for any row at all."""

    wrong: int
    inside: int
    anywhere: int


def distances(values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return how far numbers are from others; NaN or infinity on one side only is as far as can be."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(values - expected)
    apart[(values == expected) | (np.isnan(values) & np.isnan(expected))] = 0.0
    return np.asarray(np.nan_to_num(apart, nan=_FAR, posinf=_FAR))


def furthest(answers: Mapping[str, Answer], right: Outputs, positions: np.ndarray) -> np.ndarray:
    """Return how far each answer is from the right one, over all outputs."""
    parts = [
        distances(answers[name].values, values[positions]).reshape(len(positions), -1)
        for name, values in right.items()
    ]
    return cast(np.ndarray, np.concatenate(parts, axis=1).max(axis=1))


def largest_difference(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> float:
    """Return how far the answers to the same rows are from each other."""
    return max(float(distances(answer.values, other[name].values).max()) for name, answer in one.items())


def find_misplaced(answers: Mapping[str, Answer], right: Outputs, positions: np.ndarray) -> Misplaced:
    """Compare the answers to one request with the right ones for all rows.

    Args:
        answers: the answers, in the order in which the rows were sent.
        right: by output, the right answers for all rows.
        positions: the rows that were sent.
    """
    given = _flattened({name: answers[name].values for name in right})
    known = _flattened(right)
    near = _NEAR * (float(np.abs(known).max(initial=0.0)) or 1.0)
    wrong = np.flatnonzero(np.abs(given - known[positions]).max(axis=1) > near)
    sent = np.zeros(len(known), bool)
    sent[positions] = True
    same = [np.abs(known - given[row]).max(axis=1) <= near for row in wrong]
    return Misplaced(
        wrong=len(wrong),
        inside=sum(bool((each & sent).any()) for each in same),
        anywhere=sum(bool(each.any()) for each in same),
    )


def _flattened(outputs: Outputs) -> np.ndarray:
    """Every row as one row of finite numbers."""
    rows = [values.reshape(len(values), -1) for values in outputs.values()]
    return np.asarray(np.nan_to_num(np.concatenate(rows, axis=1)))
