"""A spread sample of requests in bounded memory: the first ones, then a random part of all that follow."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from keras_consistency_cli.loading.recording.arrays import Arrays, count_rows

__all__ = ["Request", "Sample"]

_FIRST = 4
"""One row in this many is kept for the first requests, the others for a random part of all later ones."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of the model: its number, how many rows it had, and those that are kept."""

    number: int
    size: int
    served: Arrays
    outputs: Arrays
    raw: Arrays | None = None

    @property
    def rows(self) -> int:
        """The number of rows that are kept."""
        return count_rows(self.served)

    @property
    def bytes(self) -> int:
        """The memory that they need."""
        parts = (self.served, self.outputs, self.raw or {})
        return sum(array.nbytes for part in parts for array in part.values())


@dataclass(kw_only=True)
class Sample:
    """The requests that are kept. The caller holds the lock.

    Every later request gets a random priority, and those with the highest ones are kept: a reservoir in which
    requests may have any number of rows.
    """

    rows: int
    bytes: int
    _first: list[Request] = field(default_factory=list)
    _later: list[tuple[float, int, Request]] = field(default_factory=list)
    _used: list[int] = field(default_factory=lambda: [0, 0])
    _is_full: bool = False
    _threshold: float = 0.0
    _random: random.Random = field(default_factory=random.Random)
    """Its own: the random numbers of a service with a seed stay what they are."""

    def draw(self) -> float | None:
        """Return the priority of the next request, None if it would not be kept."""
        priority = self._random.random()
        return priority if priority >= self._threshold else None

    def add(self, request: Request, priority: float) -> None:
        """Keep a request, and drop those with the lowest priorities until the rest fits."""
        self._count(request, 1)
        if not self._is_full and self._fits(_FIRST):
            self._first.append(request)
            return
        self._is_full = True
        heapq.heappush(self._later, (priority, request.number, request))
        while self._later and not self._fits(1):
            self._threshold, _, dropped = heapq.heappop(self._later)
            self._count(dropped, -1)

    def requests(self) -> list[Request]:
        """Return the requests that are kept, in the order in which they came."""
        later = [request for _, _, request in self._later]
        return sorted([*self._first, *later], key=lambda request: request.number)

    def _fits(self, part: int) -> bool:
        return self._used[0] * part <= self.rows and self._used[1] * part <= self.bytes

    def _count(self, request: Request, sign: int) -> None:
        self._used[0] += sign * request.rows
        self._used[1] += sign * request.bytes
