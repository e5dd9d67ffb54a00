"""Observer: what is told to whoever watches a run."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NULL_OBSERVER", "Observer"]


class Observer(Protocol):
    """Told in a few words what comes next, and what was found."""

    def __call__(self, doing: str, /) -> None:
        """Hear what comes next."""

    def found(self, words: str, /) -> None:
        """Hear what stays true until the end."""


class NullObserver:
    def __call__(self, doing: str, /) -> None:
        """Hear nothing."""

    def found(self, words: str, /) -> None:
        """Hear nothing."""


NULL_OBSERVER: Observer = NullObserver()
"""Watches nothing."""
