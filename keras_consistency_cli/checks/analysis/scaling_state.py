"""Resemblance: how far a feature lies from where it ought to, and which of several states rows look most like. Pure arithmetic on facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.measurement.column_facts import ColumnFact, ExpectedColumn
from keras_consistency_cli.measurement.facts import RowsFact

__all__ = [
    "ALIKE",
    "STATES",
    "UNLIKE",
    "Resemblance",
    "by_input",
    "clearly",
    "distance",
    "mean_distance",
    "misplaced",
    "resemblance",
]

STATES = ("raw", "scaled", "scaled twice")

ALIKE, UNLIKE = 0.5, 0.75
"""Mean distances below and above which rows look like something, and do not."""
_CLEARLY = 0.4
"""By how much rows must be nearer to one thing than to another to be the one and not the other."""
_TELLING = 0.5
"""A feature tells raw from scaled where the two lie at least this far apart."""
_NEARLY_ALL = 0.9
"""Share of the values that must lie where they would."""
_ALONE, _ELSEWHERE = 0.2, 0.95
"""A single feature is in another state where it lies this near to that and this far from the one it is said to be in."""
_SEVERAL = 3
"""Values of a feature that is more than a flag."""
_FEW = 8
"""Fewer rows have no spread to speak of: only their mean is compared."""


def distance(column: ColumnFact, centre: float, spread: float, *, rows: int) -> float:
    """Return the Hellinger distance, squared, of two normal features: 0 where they are the same, 1 where they have nothing in common."""
    if not column.count or not all(math.isfinite(each) for each in (column.mean, column.sd, centre, spread)):
        return 1.0
    return _apart((column.mean, column.sd if rows >= _FEW else spread), (centre, spread))


def _apart(mine: tuple[float, float], theirs: tuple[float, float]) -> float:
    (mean, sd), (centre, spread) = mine, theirs
    total = sd * sd + spread * spread
    if total == 0:
        return 0.0 if math.isclose(mean, centre, rel_tol=1e-5, abs_tol=1e-12) else 1.0
    return 1.0 - math.sqrt(2 * sd * spread / total) * math.exp(-((mean - centre) ** 2) / (4 * total))


def mean_distance(
    columns: Sequence[ColumnFact], centres: Sequence[float], spreads: Sequence[float], *, rows: int
) -> float:
    """Return the mean of `distance` over features; those that never varied, here or there, are left out. NaN where none is left."""
    pairs = zip(columns, centres, spreads, strict=False)
    found = [
        distance(column, centre, spread, rows=rows)
        for column, centre, spread in pairs
        if spread > 0 and (column.sd > 0 or rows < _FEW)
    ]
    return sum(found) / len(found) if found else math.nan


def clearly(here: float, *, rather_than: float) -> bool:
    """Whether rows this far from one thing and that far from another are the one beyond doubt; NaN is never beyond doubt."""
    return here < ALIKE and rather_than - here > _CLEARLY


@dataclass(frozen=True, kw_only=True)
class Resemblance:
    """Mean distance from each of `STATES` over the features that tell them apart, and the share of values within four spreads of each."""

    distances: tuple[float, float, float]
    within: tuple[float, float, float]
    telling: int
    features: int

    @property
    def nearest(self) -> str:
        """The state that the rows look most like."""
        return STATES[self.distances.index(min(self.distances))]

    def looks(self, state: str, *, rather_than: str) -> bool:
        """Whether the rows are like the one state and unlike the other, beyond doubt."""
        here, there = (self.distances[STATES.index(each)] for each in (state, rather_than))
        return (
            here == min(self.distances)
            and clearly(here, rather_than=there)
            and self.share(state) >= _NEARLY_ALL
        )

    def overlap(self, state: str) -> float:
        """How much of the rows' distribution is that of this state, from 0 to 1."""
        return 1.0 - self.distances[STATES.index(state)]

    def share(self, state: str) -> float:
        """The share of values that lie where they would in this state."""
        return self.within[STATES.index(state)]


def resemblance(rows: RowsFact, expected: Sequence[ExpectedColumn]) -> Resemblance:
    """Hold the rows against what they would look like raw, scaled, and scaled twice; `telling` is 0 where no feature tells these apart."""
    usable = [each for each in expected if not each.constant and each.column < len(rows.columns)]
    telling = [each for each in usable if _apart(each.raw, each.scaled) > _TELLING]
    found = [_distances(rows.columns[each.column], each, rows.rows) for each in telling]
    if not found:
        return Resemblance(distances=(0.0, 0.0, 0.0), within=(1.0, 1.0, 1.0), telling=0, features=len(usable))
    raw, scaled, twice = (sum(each) / len(found) for each in zip(*found, strict=True))
    within = [sum(each) / len(telling) for each in zip(*(each.within for each in telling), strict=True)]
    return Resemblance(
        distances=(raw, scaled, twice),
        within=(within[0], within[1], within[2]),
        telling=len(telling),
        features=len(usable),
    )


def _distances(column: ColumnFact, expected: ExpectedColumn, rows: int) -> tuple[float, float, float]:
    raw, scaled, twice = (
        distance(column, *state, rows=rows) for state in (expected.raw, expected.scaled, expected.twice)
    )
    return raw, scaled, twice


def misplaced(
    rows: RowsFact, expected: Sequence[ExpectedColumn], said: str
) -> list[tuple[ExpectedColumn, ColumnFact, str]]:
    """Return the features that are in another state than they are said to be in, each for itself beyond doubt: what is expected, what is, the state.

    Few rows have no spread that could be compared, and a flag is too plain to be recognised; both are left out. So are features of which
    fewer than nine values in ten lie where they would in that other state.
    """
    here = STATES.index(said)
    found = []
    for each in expected:
        column = rows.columns[each.column] if each.column < len(rows.columns) else None
        if column is None or each.constant or rows.rows < _FEW or column.distinct < _SEVERAL:
            continue
        distances = _distances(column, each, rows.rows)
        other = distances.index(min(distances))
        if distances[here] > _ELSEWHERE and distances[other] < _ALONE and each.within[other] >= _NEARLY_ALL:
            found.append((each, column, STATES[other]))
    return found


def by_input(rows: Sequence[RowsFact], name: str) -> RowsFact | None:
    """Return the facts of one input's rows, None where there are none."""
    return next((each for each in rows if each.input == name), None)
