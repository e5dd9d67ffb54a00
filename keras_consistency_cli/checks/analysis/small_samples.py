"""Statistics that only a few rows of whole numbers can have. Pure arithmetic.

The mean of n whole numbers is a multiple of 1/n, and their variance a multiple of 1/n². Over many rows both
are practically any number, except for categories that were balanced on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keras_consistency_cli.measurement.data_facts import ColumnFact

__all__ = ["SmallSample", "find_small_sample"]

_MOST_ROWS = 10
"""Rows that still count as few."""
_ENOUGH_WEIGHT, _NUMBER_WEIGHT = 4, 2
"""Total weight of the features that rules out chance: a flag weighs 1 by its mean, a whole number 2."""
_ROUNDING = 1e-6
"""Share of a mean or a variance that float32 and the sum over a few rows leave uncertain."""
_FLAG_ROUNDING = 1e-5
_PRECISE = 0.05
"""A multiple that is known less precisely than this says nothing."""
_SHIFT, _NARROWER, _WIDER = 0.25, 0.8, 1.25
"""A mean shifted by this many deviations, or a spread narrower or wider, differs from that of the rows."""


@dataclass(frozen=True, kw_only=True)
class SmallSample:
    """How many rows a layer was adapted on, and how many flags and whole numbers show it."""

    rows: int
    flags: int
    numbers: int


@dataclass(frozen=True, kw_only=True)
class _Feature:
    """A feature of whole numbers: its values in the rows, and its stored mean and variance."""

    column: ColumnFact
    mean: float
    variance: float

    @property
    def is_flag(self) -> bool:
        return self.column.distinct <= 2 and {self.column.low, self.column.high} <= {0.0, 1.0}

    def fits(self, rows: int) -> bool:
        """Whether so many rows can have this mean and variance, as precisely as these are known."""
        if self.is_flag:
            return _is_whole(self.mean * rows, _FLAG_ROUNDING)
        return all(
            not precise or _is_whole(value, uncertain) for value, uncertain, precise in self._multiples(rows)
        )

    def is_evidence(self, rows: int) -> bool:
        """Whether it is a number with enough digits, and not a category, which may be balanced."""
        precise = all(precise for _, _, precise in self._multiples(rows))
        return not self.is_flag and self.column.distinct > rows and precise

    def _multiples(self, rows: int) -> Iterator[tuple[float, float, bool]]:
        """Mean times n and variance times n², their uncertainty, and whether it is small."""
        for value in (self.mean * rows, self.variance * rows**2):
            uncertain = _ROUNDING * abs(value) + _FLAG_ROUNDING
            yield value, uncertain, uncertain < _PRECISE

    @property
    def differs(self) -> bool:
        """Whether mean or spread differ from those of the rows."""
        if not self.column.sd:
            return False
        spread = self.variance**0.5 / self.column.sd
        shifted = abs(self.mean - self.column.mean) > _SHIFT * self.column.sd
        return shifted or not _NARROWER < spread < _WIDER


def find_small_sample(
    columns: Sequence[ColumnFact], mean: Sequence[float], sd: Sequence[float]
) -> SmallSample | None:
    """Return how few rows these statistics were computed from, None if nothing shows it.

    Args:
        columns: the features in the rows.
        mean: the mean of each feature that the layer holds.
        sd: its standard deviation.
    """
    features = _whole_features(columns, mean, sd)
    flags = [feature for feature in features if feature.is_flag and 0 < feature.mean < 1]
    numbers = [feature for feature in features if not feature.is_flag]
    rows = _fewest_rows((*flags, *numbers))
    if rows is None:
        return None
    evidence = [feature for feature in numbers if feature.is_evidence(rows)]
    # Statistics of few rows differ somewhere; those of many rows need not.
    if evidence and not any(feature.differs for feature in numbers):
        return None
    counted = 0 if _are_balanced(flags) else len(flags)
    if counted + _NUMBER_WEIGHT * len(evidence) < _ENOUGH_WEIGHT:
        return None
    return SmallSample(rows=rows, flags=counted, numbers=len(evidence))


def _whole_features(
    columns: Sequence[ColumnFact], mean: Sequence[float], sd: Sequence[float]
) -> list[_Feature]:
    return [
        _Feature(column=column, mean=centre, variance=spread**2)
        for column, centre, spread in zip(columns, mean, sd, strict=False)
        if column.whole and spread > 0
    ]


def _fewest_rows(features: Sequence[_Feature]) -> int | None:
    """The smallest number of rows that all statistics can come from, None if they are many."""
    counts = range(2, _MOST_ROWS + 1)
    return next((rows for rows in counts if all(feature.fits(rows) for feature in features)), None)


def _are_balanced(flags: Iterable[_Feature]) -> bool:
    """Whether all means are 1/2, 1/4 and the like, as of categories balanced on purpose."""
    return all(_is_whole(1 / flag.mean, _FLAG_ROUNDING) for flag in flags)


def _is_whole(value: float, uncertain: float) -> bool:
    return abs(value - round(value)) <= uncertain
