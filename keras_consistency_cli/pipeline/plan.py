"""Plan: the routes to run and the pairs of routes to compare for a set of checks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from keras_consistency_cli.checks.base import Check, Pair
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import (
    FLOAT64_COPY,
    REFERENCE,
    REPEATED,
    ROUNDED,
    ROUNDED_TO_POLICIES,
    float64_name,
)

__all__ = ["NEEDED_BY_ALL", "OTHER_WITNESSES", "Plan", "route_table", "share_moving"]

OTHER_WITNESSES = ("one-by-one", "call")
"""Routes whose distance from the float64 copy may replace predict's as rounding noise."""
NEEDED_BY_ALL = frozenset({REFERENCE, FLOAT64_COPY, ROUNDED, ROUNDED_TO_POLICIES, REPEATED, "rows"})
"""Routes that give the noise, the decisions, and the rows that are left out of the noise.

Other witnesses only lower the noise: a check that fails without them also fails with them.
"""
_ROUNDED = (ROUNDED, ROUNDED_TO_POLICIES)
_Worker = TypeVar("_Worker")


def route_table(settings: Settings) -> tuple[Route, ...]:
    """Return all routes that a run with these settings may need."""
    return routes(
        settings.batch_sizes(),
        settings.export_labels(),
        settings.endpoint_labels(),
        settings.other_backends(),
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Routes to run and pairs to compare, in the order of the table of routes."""

    routes: tuple[Route, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, checks: Sequence[Check], table: Sequence[Route]) -> Plan:
        """Collect what these checks need: their pairs, the same pairs in float64, and the noise."""
        names = {route.name for route in table}
        pairs = _pairs_with_float64(checks, names)
        wanted = {REFERENCE, FLOAT64_COPY, *_ROUNDED, REPEATED}
        wanted |= {name for check in checks for name in check.routes}
        wanted |= {name for pair in pairs for name in (pair.candidate, pair.reference)}
        # Whether predict repeats itself decides whether its noise means anything.
        pairs[Pair(candidate=REPEATED, reference=REFERENCE)] = None
        for witness in (REFERENCE, *(name for name in OTHER_WITNESSES if name in wanted)):
            pairs[Pair(candidate=witness, reference=FLOAT64_COPY)] = None
        for rounded in filter(names.__contains__, _ROUNDED):
            pairs[Pair(candidate=rounded, reference=REFERENCE)] = None
        return cls(routes=tuple(route for route in table if route.name in wanted), pairs=tuple(pairs))

    def streaming(self) -> Plan:
        """Return the plan of the rows after the sample."""
        return replace(self, routes=tuple(route for route in self.routes if route.streams))


def _pairs_with_float64(checks: Sequence[Check], names: set[str]) -> dict[Pair, None]:
    """Return the pairs of the checks, each also in float64 if both routes exist there."""
    pairs = dict.fromkeys(pair for check in checks for pair in check.pairs)
    for pair in list(pairs):
        candidate, reference = float64_name(pair.candidate), float64_name(pair.reference)
        if {candidate, reference} <= names:
            pairs[Pair(candidate=candidate, reference=reference)] = None
    return pairs


def share_moving(
    by_worker: Mapping[_Worker, Sequence[Route]], alike: Sequence[_Worker]
) -> dict[_Worker, Iterator[Route]]:
    """Return the routes of each worker in turn; workers that are alike share those that move.

    Each takes the next of these when it has run its own, so that none waits while the others work. A worker
    without routes of its own is not started for them.

    Args:
        by_worker: all routes, by the worker that runs them otherwise.
        alike: workers that have loaded the same model in the same way.
    """
    own = {worker: [route for route in routes if not route.moves] for worker, routes in by_worker.items()}
    sharing = [worker for worker in alike if own.get(worker)]
    if len(sharing) < 2:
        return {worker: iter(routes) for worker, routes in by_worker.items()}
    shared = deque(route for worker in sharing for route in by_worker[worker] if route.moves)
    return {
        worker: chain(own[worker], _take_all(shared)) if worker in sharing else iter(routes)
        for worker, routes in by_worker.items()
    }


def _take_all(waiting: deque[Route]) -> Iterator[Route]:
    """Yield and remove the routes, one at a time; several threads share them."""
    while True:
        try:
            yield waiting.popleft()
        except IndexError:
            return
