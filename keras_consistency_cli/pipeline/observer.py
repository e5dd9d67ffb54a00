"""Observer: the events that a run reports while it goes on."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NULL_OBSERVER", "Observer"]


class Observer(Protocol):
    """Receives the events of a run; routes may finish in several threads."""

    def __call__(self, activity: str, /) -> None:
        """Receive what the run does next."""

    def route_finished(self, name: str, summary: str, done: int, total: int, /) -> None:
        """Receive that one route has finished.

        Args:
            name: the route's name.
            summary: the route in a few words.
            done: how many of the routes that run together have finished.
            total: how many run together.
        """


class NullObserver:
    """Ignores every event."""

    def __call__(self, activity: str, /) -> None:
        """Ignore what comes next."""

    def route_finished(self, name: str, summary: str, done: int, total: int, /) -> None:
        """Ignore the route."""


NULL_OBSERVER: Observer = NullObserver()
"""The observer of a run that nothing observes."""
