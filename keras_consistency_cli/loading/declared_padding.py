"""The time steps of rows that are declared as padding: they are not data.

The user declares them with the value of the padding or with the true length of each row, the model with a
mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["DeclaredPadding"]

Rows = Mapping[str, npt.NDArray[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class DeclaredPadding:
    """What is known about the padding of a subject.

    Args:
        masked: the value that the model masks, by input.
        value: the value of the padding before any scaler, None if the user did not state it.
        side: the side of the padding, None if the user did not state it.
        has_lengths: whether the user gave true lengths.
        lengths: the true lengths of the rows with these numbers, None if the user did not give any.
    """

    masked: Mapping[str, float] = field(default_factory=dict)
    value: float | None = None
    side: Literal["left", "right"] | None = None
    has_lengths: bool = False
    lengths: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64] | None] = lambda _numbers: None

    @property
    def is_possible(self) -> bool:
        """Whether anything is declared; without it, no row is read for padding."""
        return bool(self.masked) or self.value is not None or self.has_lengths

    def find(
        self, rows: Rows, *, fed: Rows, numbers: npt.NDArray[np.int64] | None = None
    ) -> dict[str, Flags]:
        """Return which time steps are padding, (rows, steps), for each input that has any.

        Args:
            rows: the rows as given.
            fed: the same rows as the model gets them.
            numbers: their numbers in the data, None if they are not rows of the data.
        """
        lengths = None if numbers is None else self.lengths(numbers)
        flags = {}
        for name, values in rows.items():
            if not self._is_series(name, values):
                continue
            parts = list(self._find_in_input(name, values, fed.get(name), lengths))
            padded = np.logical_or.reduce(parts) if parts else np.zeros(0, bool)
            if padded.any():
                flags[name] = padded
        return flags

    def _is_series(self, name: str, values: npt.NDArray[Any]) -> bool:
        has_time = values.ndim > 2 or (values.ndim == 2 and name in self.masked)
        return has_time and values.dtype.kind in "fiu"

    def _find_in_input(
        self,
        name: str,
        values: npt.NDArray[Any],
        fed: npt.NDArray[Any] | None,
        lengths: npt.NDArray[np.int64] | None,
    ) -> Iterator[Flags]:
        if name in self.masked and fed is not None and fed.shape[:2] == values.shape[:2]:
            # A mask hides such a time step wherever it is.
            yield _equals(fed, self.masked[name])
        if lengths is not None and len(lengths) and lengths.max() <= values.shape[1]:
            yield _beyond(values, lengths, self.side)
        elif self.value is not None:
            yield _ends(_equals(values, self.value), self.side)


def _equals(values: npt.NDArray[Any], value: float) -> Flags:
    """Return which time steps hold nothing but this value."""
    return np.asarray((values == value).reshape(*values.shape[:2], -1).all(axis=2))


def _ends(is_filling: Flags, side: str | None) -> Flags:
    """Return only the runs at the end of the rows, at the beginning, or at both if the side is not known."""
    right = np.logical_and.accumulate(is_filling[:, ::-1], axis=1)[:, ::-1]
    left = np.logical_and.accumulate(is_filling, axis=1)
    return np.asarray({"right": right, "left": left}.get(side or "", right | left))


def _beyond(values: npt.NDArray[Any], lengths: npt.NDArray[np.int64], side: str | None) -> Flags:
    """Return the time steps beyond the true lengths; an unknown side is the more uniform one."""
    steps = np.arange(values.shape[1])
    right, left = steps >= lengths[:, None], steps < (values.shape[1] - lengths)[:, None]
    if side is not None:
        return right if side == "right" else left
    return min((right, left), key=lambda flags: len(np.unique(values[flags], axis=0)))
