"""How similar rows are to raw rows, scaled rows and rows scaled twice. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.measurement.data_facts import ColumnFact, ExpectedColumn, RowsFact

__all__ = [
    "SIMILAR",
    "STATES",
    "UNLIKE",
    "FeatureState",
    "Resemblance",
    "by_input",
    "distance",
    "features_in_other_state",
    "format_share",
    "is_clearly_nearer",
    "mean_distance",
    "measure_resemblance",
]

STATES = ("raw", "scaled", "scaled twice")

SIMILAR, UNLIKE = 0.5, 0.75
"""Mean distances below which rows look like something, and above which they do not."""
_CLEARLY = 0.4
"""How much nearer rows must be to one thing than to a second one to be the first and not the second."""
_DISTINCT = 0.5
"""A feature distinguishes raw from scaled rows if the two are at least this distant."""
_NEARLY_ALL = 0.9
"""Share of the values that must lie in the expected range."""
_NEAR, _FAR = 0.2, 0.95
"""A single feature is in a different state if it is this near to that and this far from the declared one."""
_SEVERAL = 3
"""Distinct values of a feature that is more than a flag."""
_PERCENT, _TENTH = 0.01, 0.001
_FEW_ROWS = 8
"""Fewer rows have no reliable spread: only their mean is compared."""

_Distribution = tuple[float, float]
"""Centre and spread of a feature that is taken to be normal."""


def distance(column: ColumnFact, centre: float, spread: float, *, rows: int) -> float:
    """Return the squared Hellinger distance of normal features: 0 if equal, 1 if disjoint."""
    if not column.count or not all(map(math.isfinite, (column.mean, column.sd, centre, spread))):
        return 1.0
    return _hellinger((column.mean, column.sd if rows >= _FEW_ROWS else spread), (centre, spread))


def _hellinger(first: _Distribution, second: _Distribution) -> float:
    (mean, sd), (centre, spread) = first, second
    total = sd * sd + spread * spread
    if total == 0:
        return 0.0 if math.isclose(mean, centre, rel_tol=1e-5, abs_tol=1e-12) else 1.0
    return 1.0 - math.sqrt(2 * sd * spread / total) * math.exp(-((mean - centre) ** 2) / (4 * total))


def mean_distance(
    columns: Sequence[ColumnFact], centres: Sequence[float], spreads: Sequence[float], *, rows: int
) -> float:
    """Return the mean of `distance` over the features; NaN if there is none.

    Features that never varied, in the rows or in training, are left out.
    """
    distances = [
        distance(column, centre, spread, rows=rows)
        for column, centre, spread in zip(columns, centres, spreads, strict=False)
        if spread > 0 and (column.sd > 0 or rows < _FEW_ROWS)
    ]
    return sum(distances) / len(distances) if distances else math.nan


def is_clearly_nearer(here: float, *, than: float) -> bool:
    """Whether rows at distance `here` from one state, `than` from another, are clearly the one.

    NaN is never clear.
    """
    return here < SIMILAR and than - here > _CLEARLY


@dataclass(frozen=True, kw_only=True)
class Resemblance:
    """Mean distance from each of `STATES`, and the share of values within four spreads.

    `telling` is the number of features that distinguish the states, over which means are taken; `all_within`
    is the share over all features.
    """

    distances: tuple[float, float, float]
    within: tuple[float, float, float]
    telling: int
    features: int
    all_within: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def nearest(self) -> str:
        """The state that the rows look most like."""
        return STATES[self.distances.index(min(self.distances))]

    def looks(self, state: str, *, rather_than: str) -> bool:
        """Whether the rows clearly look like the one state and not like the other."""
        here, there = (self.distances[STATES.index(each)] for each in (state, rather_than))
        nearest = here == min(self.distances)
        return nearest and is_clearly_nearer(here, than=there) and self.share(state) >= _NEARLY_ALL

    def overlap(self, state: str) -> float:
        """Return how much of the rows' distribution is that of this state, from 0 to 1."""
        return 1.0 - self.distances[STATES.index(state)]

    def share(self, state: str) -> float:
        """Return the share of values that lie in the range expected of this state."""
        return self.within[STATES.index(state)]


def measure_resemblance(rows: RowsFact, expected: Sequence[ExpectedColumn]) -> Resemblance:
    """Compare the rows with their expected look raw, scaled and scaled twice.

    `telling` is 0 if no feature distinguishes the three.
    """
    usable = [each for each in expected if not each.constant and each.column < len(rows.columns)]
    telling = [each for each in usable if _hellinger(each.raw, each.scaled) > _DISTINCT]
    distances = [_distances(rows.columns[each.column], each, rows.rows) for each in telling]
    everything = _means([each.within for each in usable]) if usable else (1.0, 1.0, 1.0)
    if not distances:
        return Resemblance(
            distances=(0.0, 0.0, 0.0),
            within=(1.0, 1.0, 1.0),
            telling=0,
            features=len(usable),
            all_within=everything,
        )
    return Resemblance(
        distances=_means(distances),
        within=_means([each.within for each in telling]),
        telling=len(telling),
        features=len(usable),
        all_within=everything,
    )


def format_share(share: float) -> str:
    """Return a share in percent, which is 100% or 0% only if it is that of all or none."""
    if 0 < share < _TENTH or 1 - _TENTH < share < 1:
        return "less than 0.1%" if share < _TENTH else "more than 99.9%"
    return f"{share:.1%}" if 0 < share < _PERCENT or 1 - _PERCENT < share < 1 else f"{share:.0%}"


def _means(triples: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    first, second, third = (sum(values) / len(triples) for values in zip(*triples, strict=True))
    return first, second, third


def _distances(column: ColumnFact, expected: ExpectedColumn, rows: int) -> tuple[float, float, float]:
    raw, scaled, twice = (
        distance(column, *state, rows=rows) for state in (expected.raw, expected.scaled, expected.twice)
    )
    return raw, scaled, twice


@dataclass(frozen=True, kw_only=True)
class FeatureState:
    """A feature in a different state than declared: its expected look, its look, its state."""

    expected: ExpectedColumn
    column: ColumnFact
    state: str


def features_in_other_state(
    rows: RowsFact, expected: Sequence[ExpectedColumn], declared: str
) -> list[FeatureState]:
    """Return the features that clearly are in a different state than declared.

    Left out are flags, which are too plain to be recognized, all features if there are too few rows to have
    a spread, and features of which fewer than nine values in ten lie in the range of the other state.
    """
    if rows.rows < _FEW_ROWS:
        return []
    found = []
    for each in expected:
        column = rows.columns[each.column] if each.column < len(rows.columns) else None
        if column is None or each.constant or column.distinct < _SEVERAL:
            continue
        distances = _distances(column, each, rows.rows)
        nearest = distances.index(min(distances))
        far = distances[STATES.index(declared)] > _FAR
        if far and distances[nearest] < _NEAR and each.within[nearest] >= _NEARLY_ALL:
            found.append(FeatureState(expected=each, column=column, state=STATES[nearest]))
    return found


def by_input(rows: Sequence[RowsFact], name: str) -> RowsFact | None:
    """Return the facts of one input's rows, None if there are none."""
    return next((each for each in rows if each.input == name), None)
