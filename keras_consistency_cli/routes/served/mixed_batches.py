"""Mistakes in some of the served rows only, such as those of one server or one batch.

Only rows that are wrong are compared with the variants, and in them only the values that are wrong. A
mistake explains a row if it gives all wrong values of the row, and also all right values in the columns
that it changes: a gap filled with 0 is not a refit on a single row, which would make the whole row 0. The
mistake that explains most rows is taken first, then the next one for the remaining rows.

Some rows look like a mistake by chance: at two in the morning, sine and cosine have each other's values. If
most of the wrong rows stay unexplained, all of them do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison
from keras_consistency_cli.routes.served.mistakes import MistakeKey

__all__ = [
    "UNKNOWN",
    "WHOLE_ROWS",
    "Mixture",
    "Part",
    "build_part",
    "find_runs",
    "is_filled",
]

WHOLE_ROWS = ("refit-single",)
"""Mistakes that change every column of a row.

A single column of zeros is not one of them, but a missing value.
"""
UNKNOWN = MistakeKey("unknown", None)
"""The key of rows that no variant explains."""

Mask = npt.NDArray[Any]
"""True or false for each row, or for each value."""

_MIN_VALUES = 3
"""Values that a mistake must explain: one or two may be equal by chance."""
_LEAST_SHARE = 0.5
"""Share of the wrong rows that known mistakes must explain."""
_MIN_FILLED = 6
"""Values that are one number in each of a few columns; fewer may be equal by chance."""
_LEAST_SAME, _LEAST_NUMBERS = 3, 3
_NAMED_ROWS = 5
_MIN_EVENLY_SPACED = 3
"""Rows at equal distances before these distances count as regular."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A mistake in some rows: the columns it changes and the rows it was made with.

    Args:
        key: the mistake.
        mask: for each row whether it has the mistake.
        columns: the columns that it changes.
        hit: number of these rows.
        first: positions of the first of them.
        last: position of the last of them.
        every: distance between rows that are evenly spaced, 1 for a run of rows, 0 for uneven distances.
    """

    key: MistakeKey
    mask: Mask
    columns: tuple[int, ...]
    hit: int
    first: tuple[int, ...]
    last: int
    every: int


@dataclass(frozen=True, kw_only=True)
class _Coverage:
    """What a mistake explains, for each row and feature.

    Args:
        explains: whether it gives the wrong values.
        gives: whether it gives all values.
        best: for columns made from other ones, the rows that the best source of each column explains.
    """

    explains: Mask
    gives: Mask
    best: Mask

    @classmethod
    def empty(cls, rows: int, features: int) -> Self:
        """Return the coverage of a mistake that explains nothing."""
        nothing = np.zeros((rows, features), dtype=bool)
        return cls(explains=nothing, gives=nothing.copy(), best=np.zeros(features, dtype=np.int64))

    def choose_sources(self, hit: Mask, explains: Mask, gives: Mask) -> tuple[Mask, Mask]:
        """Forget the columns that the new source explains better, and return it without the other ones."""
        counts = np.asarray((hit & explains).sum(axis=0))
        better = counts > self.best
        self.best[better] = counts[better]
        self.explains[:, better] = self.gives[:, better] = False
        return np.asarray(explains & better), np.asarray(gives & better)


@dataclass(kw_only=True)
class Mixture:
    """The wrong rows that each mistake explains, collected variant by variant.

    Args:
        wrong: which values are wrong, (rows, time steps, features).
    """

    wrong: Mask
    _coverage: dict[MistakeKey, _Coverage] = field(default_factory=dict)

    def add(self, key: MistakeKey, differs: Mask, start: int | None, *, moved: bool = False) -> None:
        """Compare one variant with the wrong rows.

        Args:
            key: the mistake.
            differs: where its values are not the served ones, (n, time steps, features), for n rows.
            start: position of the first of these rows; None for the first of all rows, and if the result for
                these rows also holds for all rows after them.
            moved: whether its columns are made from other columns. A column has one source in all rows, so
                the variant replaces those of the same mistake in the columns that it explains better.
        """
        rows = slice(start or 0, (start or 0) + len(differs))
        wrong = self.wrong[rows]
        hit: Mask = np.asarray(wrong.any(axis=1))
        explains: Mask = np.logical_not((wrong & differs).any(axis=1))
        gives: Mask = np.logical_not(differs.any(axis=1))
        if not (hit & explains).any():
            return
        coverage = self._coverage.setdefault(key, _Coverage.empty(len(self.wrong), differs.shape[-1]))
        if moved:
            explains, gives = coverage.choose_sources(hit, explains, gives)
        coverage.explains[rows] |= explains
        coverage.gives[rows] |= gives
        if start is None:
            # A column that the variant gives in all of these rows, it also gives in the rows after them.
            explained_rows: Mask = np.asarray(hit.any(axis=1) & explains.all(axis=1))
            coverage.explains[len(differs) :] |= hit.any(axis=0) & explains.all(axis=0)
            coverage.gives[len(differs) :] |= explained_rows.any() & gives[explained_rows].all(axis=0)

    def leave_out_ends(self, differs: Mask, served: Mask) -> None:
        """Mark the columns in which a variant of the first rows gives only one of several wrong numbers.

        A scaler with a limited range puts all values beyond it at its end, whatever they were made from.
        """
        wrong = self.wrong.reshape(-1, served.shape[1])[: len(served)]
        for column in range(served.shape[1]):
            same = served[wrong[:, column] & ~differs[:, column], column]
            is_one = len(same) >= _LEAST_SAME and np.ptp(same) == 0
            if is_one and len(np.unique(served[:, column])) >= _LEAST_NUMBERS:
                differs[:, column] = True

    def find_parts(self, columns: list[int]) -> list[Part]:
        """Return the mistakes that explain the wrong rows of these columns.

        Those of most rows come first. Rows that nothing explains are the last part, with the key `UNKNOWN`.
        """
        wrong = self.wrong[..., columns]
        hit: Mask = np.asarray(wrong.any(axis=1))
        left: Mask = np.asarray(hit.any(axis=1))
        explained = {key: self._explained_rows(key, hit, columns) for key in self._coverage}
        parts = []
        while explained and left.any():
            key = max(explained, key=lambda key: int((explained[key] & left).sum()))
            mask: Mask = np.asarray(explained[key] & left)
            if wrong[mask].sum() < _MIN_VALUES:
                break
            parts.append(build_part(key, mask, hit, columns))
            left = np.asarray(left & ~mask)
        rows = np.asarray(hit.any(axis=1))
        if parts and left.sum() > (1 - _LEAST_SHARE) * rows.sum():
            parts, left = [], rows
        return [*parts, build_part(UNKNOWN, left, hit, columns)] if left.any() else parts

    def _explained_rows(self, key: MistakeKey, hit: Mask, columns: list[int]) -> Mask:
        """Return the rows that a mistake explains in these columns."""
        coverage = self._coverage[key]
        rows = hit.any(axis=1) & np.logical_not((hit & ~coverage.explains[:, columns]).any(axis=1))
        if key.kind in WHOLE_ROWS:
            return np.asarray(rows & coverage.gives.all(axis=1))
        changed: Mask = coverage.gives[:, columns][:, hit[rows].any(axis=0)]
        return np.asarray(rows & changed.all(axis=1))


def build_part(key: MistakeKey, mask: Mask, hit: Mask, columns: list[int]) -> Part:
    """Return the part of the rows in a mask; `hit` tells the wrong values by row and feature."""
    rows = np.flatnonzero(mask)
    distances = np.unique(np.diff(rows))
    is_even = len(distances) == 1 and len(rows) >= _MIN_EVENLY_SPACED
    return Part(
        key=key,
        mask=mask,
        columns=tuple(np.asarray(columns)[hit[mask].any(axis=0)].tolist()),
        hit=len(rows),
        first=tuple(rows[:_NAMED_ROWS].tolist()),
        last=int(rows[-1]),
        every=int(distances[0]) if is_even else 0,
    )


def is_filled(comparison: ColumnComparison, part: Part) -> bool:
    """Whether enough wrong values of each column are all the same number, in place of different ones."""
    wrong = comparison.wrong_in_rows(len(part.mask)) & part.mask[:, None, None]
    cells = wrong.reshape(comparison.served.shape)
    if cells.sum() < _MIN_FILLED:
        return False
    served = [comparison.served[cells[:, column], column] for column in part.columns]
    right = [comparison.expected[cells[:, column], column] for column in part.columns]
    if cells.sum(axis=0).max() == 1:
        # One value of each column is one number in any case: all columns must have the same one.
        served, right = [np.concatenate(served)], [np.concatenate(right)]
    # One number in place of another one, as in padding or of a code, is no feature that is missing.
    varies = any(len(np.unique(values)) > 1 for values in right)
    return varies and all(len(np.unique(values)) == 1 for values in served)


def find_runs(wrong_rows: Mask, limit: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the longest runs of wrong rows, at most `limit` of them.

    A run has at least two rows.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wrong_rows.astype(np.int8), [0]])))
    runs = [
        (int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start > 1
    ]
    yield from sorted(runs, key=lambda run: run[0] - run[1])[:limit]
