"""Comparison: the measured difference between one output of two routes.

A comparison is a monoid: those of two chunks of rows merge into the comparison of all rows.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.facts import Decision

__all__ = [
    "BINS_PER_DECADE",
    "EDGES",
    "KEPT_ROWS",
    "MOST_DISTINCT",
    "Comparison",
    "WorstRow",
    "count_by_size",
    "digest_rows",
    "first_digests",
    "flatten_rows",
    "merge",
]

Array = npt.NDArray[Any]
BINS_PER_DECADE = 8
_LOWEST_DECADE, _HIGHEST_DECADE = -20, 12
EDGES = np.logspace(_LOWEST_DECADE, _HIGHEST_DECADE, (_HIGHEST_DECADE - _LOWEST_DECADE) * BINS_PER_DECADE + 1)
"""Edges of the bins of `Comparison.row_histogram`."""
MOST_DISTINCT = 16
"""Up to this number the rows of a comparison that differ from one another are counted."""
KEPT_ROWS = 5
"""How many worst rows, and rows with a changed decision, a comparison keeps."""


@dataclass(frozen=True, kw_only=True)
class WorstRow:
    """The element of one row that differs most.

    It has the row number, the index in the row, both values and their distance. `margin` is how near the
    reference's decision is to a different one at that element: the lead of the greatest class over the next,
    or the distance from 0.5; None if nothing is decided.
    """

    row: int
    index: tuple[int, ...]
    candidate: float | str
    reference: float | str
    distance: float
    margin: float | None = None
    flipped: bool = False
    """Whether any decision of the row is different."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One output of a candidate route compared with that of a reference route.

    `max_*` are over all finite elements; `sum_squares` is Σ(a-b)². The `noise_*` fields measure both routes
    against the float64 copy on the same rows; without a copy they are zero and `noise_elements` is 0.
    `row_histogram` counts rows by their greatest distance.
    """

    candidate: str
    reference: str
    output: str
    rows: int = 0
    row_digests: tuple[int, ...] = ()
    """The first different digests of the reference rows, rounded to float32: at most `MOST_DISTINCT`."""
    elements: int = 0
    mismatched: int = 0
    rows_differing: int = 0
    max_abs: float = 0.0
    max_rel: float = 0.0
    max_ulp: int = 0
    scale: float = 0.0
    sum_squares: float = 0.0
    sum_squares_scale: float = 0.0
    nonfinite: int = 0
    nonfinite_candidate: int = 0
    nonfinite_reference: int = 0
    decision: Decision | None = None
    decisions: int = 0
    flipped: int = 0
    flipped_rows: tuple[int, ...] = ()
    """The first of the rows with changed decisions."""
    stated_excess: float = 0.0
    stated_over: int = 0
    noise_elements: int = 0
    noise_max: float = 0.0
    noise_squares_reference: float = 0.0
    noise_squares_candidate: float = 0.0
    misshapen: str | None = None
    dtype: str = "float32"
    worst: tuple[WorstRow, ...] = ()
    row_histogram: tuple[int, ...] = (0,) * (len(EDGES) + 1)

    @property
    def scaled(self) -> float:
        """Greatest distance as a share of the greatest output."""
        return self.max_abs / self.scale if self.scale else (0.0 if self.max_abs == 0 else float("inf"))

    @property
    def distinct_rows(self) -> int:
        """How many reference rows differ, counted up to `MOST_DISTINCT`; equal rows round alike."""
        return len(self.row_digests)

    @property
    def is_discrete(self) -> bool:
        """Whether the output holds whole numbers or truth values: decisions, which change as a whole."""
        return self.dtype.startswith(("int", "uint", "bool"))

    @property
    def identical(self) -> bool:
        """Whether every element has the same bits (NaN equals NaN)."""
        return self.mismatched == 0 and self.nonfinite == 0 and self.misshapen is None

    def rows_over(self, limit: float) -> int:
        """Return how many rows differ by more than `limit`.

        The resolution is that of the histogram: eight bins per factor of ten, rounded up.
        """
        if limit <= 0:
            return self.rows_differing
        return sum(self.row_histogram[int(np.searchsorted(EDGES, limit, side="right")) :])

    def __add__(self, other: Comparison) -> Comparison:
        """Merge with the comparison of another chunk of rows.

        Row numbers must already be those of the data.
        """
        return Comparison(
            candidate=self.candidate,
            reference=self.reference,
            output=self.output,
            dtype=self.dtype,
            rows=self.rows + other.rows,
            row_digests=first_digests((*self.row_digests, *other.row_digests)),
            elements=self.elements + other.elements,
            mismatched=self.mismatched + other.mismatched,
            rows_differing=self.rows_differing + other.rows_differing,
            max_abs=max(self.max_abs, other.max_abs),
            max_rel=max(self.max_rel, other.max_rel),
            max_ulp=max(self.max_ulp, other.max_ulp),
            scale=max(self.scale, other.scale),
            sum_squares=self.sum_squares + other.sum_squares,
            sum_squares_scale=self.sum_squares_scale + other.sum_squares_scale,
            nonfinite=self.nonfinite + other.nonfinite,
            nonfinite_candidate=self.nonfinite_candidate + other.nonfinite_candidate,
            nonfinite_reference=self.nonfinite_reference + other.nonfinite_reference,
            decision=self.decision if self.decision is not None else other.decision,
            decisions=self.decisions + other.decisions,
            flipped=self.flipped + other.flipped,
            flipped_rows=tuple(dict.fromkeys((*self.flipped_rows, *other.flipped_rows)))[:KEPT_ROWS],
            stated_excess=max(self.stated_excess, other.stated_excess),
            stated_over=self.stated_over + other.stated_over,
            noise_elements=self.noise_elements + other.noise_elements,
            noise_max=max(self.noise_max, other.noise_max),
            noise_squares_reference=self.noise_squares_reference + other.noise_squares_reference,
            noise_squares_candidate=self.noise_squares_candidate + other.noise_squares_candidate,
            misshapen=self.misshapen if self.misshapen is not None else other.misshapen,
            worst=_worst_of(self.worst, other.worst),
            row_histogram=tuple(a + b for a, b in zip(self.row_histogram, other.row_histogram, strict=True)),
        )


def first_digests(digests: Iterable[int]) -> tuple[int, ...]:
    """Return the first different digests; no more are read than it takes to find `MOST_DISTINCT`.

    Those of all rows are the first of any two parts in their order.
    """
    found: dict[int, None] = {}
    for digest in digests:
        found[digest] = None
        if len(found) == MOST_DISTINCT:
            break
    return tuple(found)


def _worst_of(first: Sequence[WorstRow], second: Sequence[WorstRow]) -> tuple[WorstRow, ...]:
    return tuple(sorted((*first, *second), key=lambda worst: -worst.distance)[:KEPT_ROWS])


def merge(comparisons: Sequence[Comparison]) -> Comparison:
    """Merge the comparisons of several chunks; at least one is needed."""
    return reduce(lambda a, b: a + b, comparisons)


def digest_rows(values: Array) -> tuple[int, ...]:
    """Digest the first different rows; rows that differ by less than float32 rounds have the same digest."""
    return first_digests(zlib.crc32(row.astype(np.float32).tobytes()) for row in flatten_rows(values))


def flatten_rows(values: Array) -> Array:
    """Return values of shape (rows, ...) as (rows, values of a row)."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def count_by_size(furthest: Array) -> tuple[int, ...]:
    """Count rows by the size of their largest difference; the bins are those of `EDGES`."""
    bins = np.searchsorted(EDGES, furthest, side="right")
    return tuple(int(count) for count in np.bincount(bins, minlength=len(EDGES) + 1))
