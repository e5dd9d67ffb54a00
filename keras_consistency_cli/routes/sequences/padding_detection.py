"""The padding of one input: the true length of each row, the side, and the value.

The lengths are read from the rows, or given by the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_consistency_cli.measurement.distance import is_float

__all__ = ["OTHER_SIDE", "Padding", "Side", "cut_to_length", "detect_padding", "padding_from_lengths"]

Side = Literal["left", "right"]
OTHER_SIDE: dict[Side, Side] = {"right": "left", "left": "right"}

_MIN_SHARE = 0.2
"""Share of the rows that must end in the same time step for it to count as padding."""
_MAX_STRAY = 0.1
"""Share of the steps that look like padding which may stand elsewhere than at the end."""


@dataclass(frozen=True, kw_only=True)
class Padding:
    """How the rows of one input are padded.

    Args:
        lengths: the true length of each row.
        side: the side with the padding.
        value: one time step of padding.
        inner: number of true time steps that look like padding.
        steps: length of the time axis.
        foreign: number of time steps in the padding that differ from `value`, if the lengths are given.
    """

    lengths: np.ndarray
    side: Side
    value: np.ndarray
    inner: int
    steps: int
    foreign: int = 0

    @property
    def has_padded_rows(self) -> bool:
        """Whether any row is shorter than the time axis."""
        return bool((self.lengths < self.steps).any())

    @property
    def partly_padded(self) -> np.ndarray:
        """Whether each row has padding and at least one true time step."""
        return np.asarray((self.lengths > 0) & (self.lengths < self.steps))

    @property
    def positions(self) -> np.ndarray:
        """Position of each time step, counted from the side without padding."""
        positions = np.arange(self.steps)
        return positions if self.side == "right" else positions[::-1]


def cut_to_length(values: np.ndarray, length: int, side: Side) -> np.ndarray:
    """Return the rows without their padding, for rows that all have this true length."""
    return values[:, :length] if side == "right" else values[:, -length:]


def detect_padding(values: np.ndarray, value: float | None, side: Side | None) -> Padding | None:
    """Return how series are padded, None if nothing indicates padding.

    Args:
        values: rows of one input, time on axis 1.
        value: the value that the model masks, or that the user states; None looks for time steps in which
            many rows end.
        side: the side to look at; None takes the one with more such steps.
    """
    steps = values.reshape(len(values), values.shape[1], -1)
    filling = _find_common_end(steps, side) if value is None else np.full(steps.shape[2], value, steps.dtype)
    if filling is None:
        return None
    is_filling = (steps == filling).all(axis=2)
    runs: dict[Side, np.ndarray] = {
        "right": _count_leading(is_filling[:, ::-1]),
        "left": _count_leading(is_filling),
    }
    longest: Side = max(runs, key=lambda key: (int(runs[key].sum()), key))
    chosen = side or longest
    padding = Padding(
        lengths=steps.shape[1] - runs[chosen],
        side=chosen,
        value=filling,
        inner=int(is_filling.sum() - runs[chosen].sum()),
        steps=steps.shape[1],
    )
    return padding if value is not None or _is_convincing(padding, is_filling) else None


def padding_from_lengths(
    values: np.ndarray, lengths: np.ndarray, *, side: Side | None, mask: float | None
) -> Padding:
    """Return how series with known true lengths are padded.

    Args:
        values: rows of one input, time on axis 1.
        lengths: the true length of each row.
        side: the side with the padding; None takes the one on which the padding is more uniform.
        mask: the value that the model masks; true time steps with this value are counted as `inner`.
    """
    sides: tuple[Side, ...] = (side,) if side else ("right", "left")
    candidates = [_describe_side(values, lengths, side, mask) for side in sides]
    return min(candidates, key=lambda padding: padding.foreign)


def _describe_side(values: np.ndarray, lengths: np.ndarray, side: Side, mask: float | None) -> Padding:
    steps = values.reshape(len(values), values.shape[1], -1)
    position = np.arange(steps.shape[1])
    if side == "right":
        is_padding = position >= lengths[:, None]
    else:
        is_padding = position < (steps.shape[1] - lengths)[:, None]
    fillings, counts = np.unique(steps[is_padding], axis=0, return_counts=True)
    if len(counts):
        value = fillings[int(np.argmax(counts))]
    else:
        value = np.full(steps.shape[2], 0.0 if mask is None else mask, steps.dtype)
    return Padding(
        lengths=lengths,
        side=side,
        value=value,
        inner=0 if mask is None else int(((steps == mask).all(axis=2) & ~is_padding).sum()),
        steps=steps.shape[1],
        foreign=int(counts.sum() - counts.max(initial=0)),
    )


def _count_leading(is_filling: np.ndarray) -> np.ndarray:
    """Return the number of padding steps at the beginning of each row."""
    return np.asarray(np.where(is_filling.all(axis=1), is_filling.shape[1], np.argmin(is_filling, axis=1)))


def _find_common_end(steps: np.ndarray, side: Side | None) -> np.ndarray | None:
    """Return the last or first time step that most rows share, None if few do.

    Of ids only zeros count, because the same id ends many rows by chance.
    """
    ends: list[tuple[int, np.ndarray]] = []
    for position in {"right": (-1,), "left": (0,), None: (-1, 0)}[side]:
        unique, counts = np.unique(steps[:, position], axis=0, return_counts=True)
        ends.append((int(counts.max()), unique[int(np.argmax(counts))]))
    shared, end = max(ends, key=lambda end: end[0])
    is_common = shared >= max(2, _MIN_SHARE * len(steps))
    return end if is_common and (is_float(steps.dtype) or not end.any()) else None


def _is_convincing(padding: Padding, is_filling: np.ndarray) -> bool:
    """Whether steps that look like padding are padding.

    They are if many rows end in them, in runs of several lengths, and few stand elsewhere.
    """
    runs = padding.steps - padding.lengths
    has_runs = len(np.unique(runs)) > 1 and bool((runs > 1).mean() >= _MIN_SHARE)
    return has_runs and padding.inner <= _MAX_STRAY * max(int(is_filling.sum()), 1)
