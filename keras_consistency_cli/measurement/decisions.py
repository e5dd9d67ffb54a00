"""Decisions: the class that users derive from an output.

It is the greatest value or a threshold. Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Decision

__all__ = [
    "FLIPPED_SHARE",
    "DecisionCounts",
    "count_changed_decisions",
    "decision_margin",
    "detect_decisions",
    "find_changed_decisions",
]

Array = npt.NDArray[Any]
FLIPPED_SHARE = 0.05
"""Above this share of changed decisions, a difference matters although it is within rounding noise."""
_THRESHOLD = 0.5
_MAP_AXES = 4
"""Rows, two axes of positions, and classes or channels: an image, or a class for each pixel."""
_SUM_TOLERANCE = 1e-2
"""How near to 1 the values of a row must sum to be a probability distribution."""


@dataclass(frozen=True, kw_only=True)
class DecisionCounts:
    """How many decisions were made and changed, and the first rows with a change."""

    decisions: int = 0
    flipped: int = 0
    flipped_rows: tuple[int, ...] = ()


def detect_decisions(
    declared: Mapping[str, Decision | None], outputs: Mapping[str, Array]
) -> dict[str, Decision | None]:
    """Return how each output becomes a decision.

    Args:
        declared: what the model declares, by output.
        outputs: the reference route's outputs; without a declaration, an output whose rows are probability
            distributions is decided by its greatest value.
    """
    return {
        name: declared.get(name) or ("argmax" if _has_distributions(values) else None)
        for name, values in outputs.items()
    }


def _has_distributions(values: Array) -> bool:
    if values.ndim < 2 or values.shape[-1] < 2 or not is_float(values.dtype) or not values.size:
        return False
    with np.errstate(invalid="ignore"):
        sums = values.astype(np.float64).sum(axis=-1)
    return bool(
        np.isfinite(sums).any()
        and (values[np.isfinite(values)] >= 0).all()
        and np.allclose(sums[np.isfinite(sums)], 1.0, atol=_SUM_TOLERANCE)
    )


def find_changed_decisions(candidate: Array, reference: Array, decision: Decision | None) -> Array | None:
    """Return a mask of the decisions that differ, one per row or per label; None if nothing is decided.

    An image has one decision, which changes if more than 5 % of its pixels do: of ten thousand pixels, a few
    are always close to the boundary of two classes.

    Args:
        candidate: outputs of shape (rows, ...), classes on the last axis for "argmax".
        reference: outputs of the same shape.
        decision: how outputs become decisions.
    """
    if decision == "argmax" and reference.ndim >= 2 and reference.shape[-1] > 1:
        changed = np.asarray(candidate.argmax(axis=-1) != reference.argmax(axis=-1))
    elif decision == "threshold":
        changed = np.asarray((candidate >= _THRESHOLD) != (reference >= _THRESHOLD))
    else:
        return None
    if reference.ndim < _MAP_AXES or not changed.size:
        return changed
    return np.asarray(changed.reshape(len(changed), -1).mean(axis=1) > FLIPPED_SHARE)


def count_changed_decisions(changed: Array | None, row_numbers: Array, most: int) -> DecisionCounts:
    """Count the decisions and those that changed.

    Args:
        changed: the result of `find_changed_decisions`; None counts as no decisions.
        row_numbers: the number of each row in the user's data.
        most: how many rows to name at most.
    """
    if changed is None:
        return DecisionCounts()
    rows = np.flatnonzero(changed.reshape(len(changed), -1).any(axis=1))[:most] if changed.size else ()
    return DecisionCounts(
        decisions=int(changed.size),
        flipped=int(changed.sum()),
        flipped_rows=tuple(int(row_numbers[row]) for row in rows),
    )


def decision_margin(outputs: Array, index: tuple[int, ...], decision: Decision) -> float:
    """Return how near the decision at one element of a row is to a different one.

    For "argmax" that is the lead of the greatest class over the next, for "threshold" the distance from 0.5.
    """
    if decision == "argmax":
        return float(np.diff(np.partition(outputs[index[:-1]], -2)[-2:])[0])
    return abs(float(outputs[index]) - _THRESHOLD)
