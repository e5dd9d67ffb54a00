"""Handful: mean and variance that only a handful of whole numbers can have tell how few rows they were taken of. Pure arithmetic.

The mean of n whole numbers is a multiple of 1/n, and their variance one of 1/n². Over many rows that is true of neither, but for categories that
were balanced on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keras_consistency_cli.measurement.column_facts import ColumnFact

__all__ = ["Handful", "handful"]

_MOST = 10
"""Rows that are still a handful."""
_ENOUGH, _NUMBER = 4, 2
"""What features must weigh together to be no accident: a flag 1, for its mean says all; a whole number 2."""
_ROUNDING = 1e-6
"""Of a mean or a variance: what float32 and the sum over a few rows leave open."""
_FLAG_ROUNDING = 1e-5
_PRECISE = 0.05
"""A multiple that is known no better than this tells nothing."""
_OFF, _NARROWER, _WIDER = 0.25, 0.8, 1.25
"""Deviations, and shares of the spread, by which statistics of a handful of rows lie off somewhere; those of many rows nowhere need to."""


@dataclass(frozen=True, kw_only=True)
class Handful:
    """Rows that were adapted on, `flags` features of 0 and 1 whose means say so, and `numbers` features of other whole numbers."""

    rows: int
    flags: int
    numbers: int


@dataclass(frozen=True, kw_only=True)
class _Feature:
    """A feature of whole numbers: its values as they are now, and the mean and variance that are remembered."""

    column: ColumnFact
    mean: float
    variance: float

    @property
    def flag(self) -> bool:
        return self.column.distinct <= 2 and {self.column.low, self.column.high} <= {0.0, 1.0}

    def fits(self, rows: int) -> bool:
        """Whether so many rows can have this mean and variance, as far as their digits go."""
        if self.flag:
            return _whole(self.mean * rows, _FLAG_ROUNDING)
        return all(not tells or _whole(value, open_) for value, open_, tells in self._multiples(rows))

    def tells(self, rows: int) -> bool:
        """Whether it is a number whose digits suffice, and no category that may have been balanced."""
        return (
            not self.flag
            and self.column.distinct > rows
            and all(tells for _, _, tells in self._multiples(rows))
        )

    def _multiples(self, rows: int) -> Iterator[tuple[float, float, bool]]:
        for value in (self.mean * rows, self.variance * rows**2):
            uncertain = _ROUNDING * abs(value) + _FLAG_ROUNDING
            yield value, uncertain, uncertain < _PRECISE

    @property
    def off(self) -> bool:
        """Whether it is not what the rows show."""
        if not self.column.sd:
            return False
        spread = self.variance**0.5 / self.column.sd
        return abs(self.mean - self.column.mean) > _OFF * self.column.sd or not _NARROWER < spread < _WIDER


def handful(columns: Sequence[ColumnFact], mean: Sequence[float], sd: Sequence[float]) -> Handful | None:
    """Return how few rows these statistics were taken of, None where nothing says that they were few.

    Args:
        columns: the features as the rows show them now.
        mean: what is remembered, feature by feature.
        sd: likewise.
    """
    known = zip(columns, mean, sd, strict=False)
    every = [
        _Feature(column=column, mean=centre, variance=spread**2)
        for column, centre, spread in known
        if column.whole and spread > 0
    ]
    flags = [each for each in every if each.flag and 0 < each.mean < 1]
    numbers = [each for each in every if not each.flag]
    rows = next(
        (rows for rows in range(2, _MOST + 1) if all(each.fits(rows) for each in (*flags, *numbers))), None
    )
    if rows is None:
        return None
    # Means of 1/2, 1/4 and the like come from categories that were balanced on purpose, over however many rows.
    lopsided = len(flags) if any(not _whole(1 / each.mean, _FLAG_ROUNDING) for each in flags) else 0
    telling = [each for each in numbers if each.tells(rows)]
    if telling and not any(each.off for each in numbers):
        return None
    enough = lopsided + _NUMBER * len(telling) >= _ENOUGH
    return Handful(rows=rows, flags=lopsided, numbers=len(telling)) if enough else None


def _whole(value: float, uncertain: float) -> bool:
    return abs(value - round(value)) <= uncertain
