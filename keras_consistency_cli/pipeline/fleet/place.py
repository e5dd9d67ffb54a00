"""Where the models of a fleet are checked: on this machine, or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.reporting.fleet.report import ModelResult

__all__ = ["NULL_FLEET_OBSERVER", "Accept", "FleetObserver", "FleetOptions", "Place"]

Accept = Callable[[ModelResult], None]
"""Takes the result of a model; called from any thread."""


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """How to check a fleet.

    `jobs` is how many models are checked at the same time on one machine. `formats` are the formats that the
    report needs of each model. `retries` is how often a model is checked again after one of its workers died.
    """

    jobs: int
    retries: int = 1
    formats: tuple[str, ...] = ()


class FleetObserver(Protocol):
    """Receives the events of a fleet, from several threads."""

    def started(self, name: str) -> Observer:
        """Receive that a model starts; return the observer of its run."""

    def finished(self, result: ModelResult) -> None:
        """Receive the result of a model."""


class _NullFleetObserver:
    def started(self, _name: str) -> Observer:
        """Observe nothing."""
        return NULL_OBSERVER

    def finished(self, _result: ModelResult) -> None:
        """Ignore the result."""


NULL_FLEET_OBSERVER: FleetObserver = _NullFleetObserver()
"""The observer of a fleet that nothing observes."""


class Place(Protocol):
    """Checks models, in any order."""

    def check(self, tasks: Sequence[FleetTask], options: FleetOptions, accept: Accept) -> None:
        """Check every model, and return when all are done, or after `stop`. Called from the main thread.

        Raises:
            NoVerdictError: the place is gone; what was accepted stays.
        """

    def stop(self) -> None:
        """Start no more models, and accept no more results."""

    def close(self) -> None:
        """End what runs; safe to call twice."""
