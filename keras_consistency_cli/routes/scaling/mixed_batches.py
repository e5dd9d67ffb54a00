"""Mixed traffic: mistakes that were made with some of the served rows only, as by one of several servers, or for one batch. Pure NumPy.

Only rows that are wrong are held against the variants, and in them only the values that are wrong: a row is explained by a
mistake that gives all of these, and nothing else in the columns that it touches: a gap filled with 0 is no refit, by which
the whole row would be 0. The mistake that explains most rows is taken first, then the next for the rows left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["WHOLE_ROWS", "Mixture", "Part", "runs"]

WHOLE_ROWS = ("refit-single",)
"""Mistakes that leave no column of a row as it should be: a lone column of zeros is a value that was missing."""

Mask = npt.NDArray[Any]
"""True or false for each row, or for each value."""
Reading = tuple[str, int | None]

_FEWEST_CELLS = 3
"""Values that a mistake must explain: one or two may be the same by accident."""
_NAMED_ROWS = 5
_FEWEST_STEPS = 3
"""Rows at equal distances that make a rhythm."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A mistake in some rows: which columns it touches, how many rows (`hit`), where the first ones and the last one lie, and their rhythm.

    `every` is the distance between rows that follow each other evenly, 1 for a run of rows, 0 where there is none.
    """

    reading: Reading
    mask: Mask
    columns: tuple[int, ...]
    hit: int
    first: tuple[int, ...]
    last: int
    every: int


@dataclass(kw_only=True)
class Mixture:
    """Collects, variant by variant, which wrong rows each mistake explains. `wrong` are wrong values, (rows, steps, features)."""

    wrong: Mask
    _found: dict[Reading, tuple[Mask, Mask]] = field(default_factory=dict)
    """By mistake, for each row and feature: whether it explains what is wrong, and whether it gives what was served, wrong or not."""

    def hold(self, reading: Reading, off: Mask, start: int | None) -> None:
        """Hold one variant against the wrong rows.

        Args:
            reading: the mistake.
            off: where the served values are not what it gives, (n, steps, features), of n rows.
            start: the first of them; None for the first of all, and where what holds for these goes for all that follow.
        """
        here = slice(start or 0, (start or 0) + len(off))
        wrong = self.wrong[here]
        hit: Mask = np.asarray(wrong.any(axis=1))
        fits: Mask = np.logical_not((wrong & off).any(axis=1))
        gives: Mask = np.logical_not(off.any(axis=1))
        own: Mask = np.asarray(hit.any(axis=1) & fits.all(axis=1))
        if not (hit & fits).any():
            return
        nothing = np.zeros((len(self.wrong), off.shape[-1]), dtype=bool)
        cells, given = self._found.setdefault(reading, (nothing, nothing.copy()))
        cells[here] |= fits
        given[here] |= gives
        if start is None:
            # A column that it gives in all of these rows, it gives in those that follow.
            cells[len(off) :] |= hit.any(axis=0) & fits.all(axis=0)
            given[len(off) :] |= own.any() & gives[own].all(axis=0)

    def _explained(self, reading: Reading, touched: Mask, columns: list[int]) -> Mask:
        """The rows of which a mistake gives all that is wrong, and in the columns that it touches all that is right."""
        cells, given = self._found[reading]
        rows = touched.any(axis=1) & np.logical_not((touched & ~cells[:, columns]).any(axis=1))
        concerned: Mask = (
            given if reading[0] in WHOLE_ROWS else given[:, columns][:, touched[rows].any(axis=0)]
        )
        return np.asarray(rows & concerned.all(axis=1))

    def parts(self, columns: list[int]) -> list[Part]:
        """Return the mistakes that explain the wrong rows of these columns, those of most rows first, and "unknown" for what nothing explains."""
        wrong = self.wrong[..., columns]
        touched: Mask = np.asarray(wrong.any(axis=1))
        left: Mask = np.asarray(touched.any(axis=1))
        explained = {reading: self._explained(reading, touched, columns) for reading in self._found}
        found = []
        while explained and left.any():
            reading = max(explained, key=lambda each: int((explained[each] & left).sum()))
            mask: Mask = np.asarray(explained[reading] & left)
            if wrong[mask].sum() < _FEWEST_CELLS:
                break
            found.append(_part(reading, mask, touched, columns))
            left = np.asarray(left & ~mask)
        return [*found, _part(("unknown", None), left, touched, columns)] if left.any() else found


def _part(reading: Reading, mask: Mask, touched: Mask, columns: list[int]) -> Part:
    rows = np.flatnonzero(mask)
    hit = np.asarray(columns)[touched[mask].any(axis=0)]
    steps = np.unique(np.diff(rows))
    every = int(steps[0]) if len(steps) == 1 and len(rows) >= _FEWEST_STEPS else 0
    first = tuple(rows[:_NAMED_ROWS].tolist())
    return Part(
        reading=reading,
        mask=mask,
        columns=tuple(hit.tolist()),
        hit=len(rows),
        first=first,
        last=int(rows[-1]),
        every=every,
    )


def runs(hit: npt.NDArray[Any], most: int) -> Iterator[tuple[int, int]]:
    """Yield beginning and end of the longest stretches of wrong rows, of two rows and more, `most` of them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hit.astype(np.int8), [0]])))
    pairs = [
        (int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start > 1
    ]
    yield from sorted(pairs, key=lambda pair: pair[0] - pair[1])[:most]
