"""Route: the description of one way to run the model. Importing it imports no backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.targets import route_on
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "Placement",
    "Precision",
    "Route",
    "RouteFunction",
    "always",
    "needs_float_input",
    "needs_tensorflow",
    "plain_routes",
    "unless_fresh_process_suffices",
]

Precision = Literal["float32", "float64"]
"""The copy of the model that a route runs on: as saved, or its float64 copy."""

Placement = Literal["main", "fresh", "float64", "kernels", "thread", "export", "endpoint", "backend"]
"""The process that a route runs in.

The main worker, a worker that has run nothing before, the worker on TensorFlow that holds the float64 copy
(`float64`), a worker without oneDNN, a worker with a single thread, the worker of an export, the parent
process, which asks a service, or a worker with a different backend.
"""

RouteFunction = Callable[["Session", Rows], Result]
"""Runs the model of a session on one chunk of rows."""


def always(_facts: Facts) -> str | None:
    """Return None: the route is available for every model."""
    return None


def needs_tensorflow(facts: Facts, claim: str) -> str | None:
    """Return why a route is unavailable on a different backend: the claim and the backend."""
    return None if facts.backend == "tensorflow" else f"{claim}; the backend is {facts.backend}"


def needs_float_input(facts: Facts) -> str | None:
    """Return why a route that changes floats is unavailable: the model is known to have no float input."""
    if not facts.inputs or any(fact.is_float for fact in facts.inputs):
        return None
    return "the model has no float input"


def unless_fresh_process_suffices(facts: Facts) -> str | None:
    """Return why a heavy model is not loaded or traced again here: a fresh process does both.

    Code of Keras is the same in each process. Code of a user's may differ in what a module has counted, drawn
    or kept, so it runs again in this process as well.
    """
    if facts.own_code or not facts.is_heavy:
        return None
    return "a heavy model of Keras's own code is loaded and traced again in a fresh process only"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to turn the subject's rows into output rows.

    Args:
        name: stable name, as shown in reports.
        summary: one line for readers.
        run: called with a session and one chunk of rows.
        unavailable: returns the reason why the route cannot run for these facts, or None.
        precision: the copy of the model that it runs on.
        placement: the process that it runs in.
        moves: whether another worker with the same backend may run it, whichever would wait otherwise: its
            outputs are not compared with those of other routes, and no worker has traced what it runs.
        streams: whether it runs on every chunk of rows, or only on the first chunk (a spread sample).
        target: the label of the export, service or backend that it runs on, "" for the model itself.
        needs: a route of a different worker whose outputs it is given, "" for none.
        interprets_again: whether code of the user's must be imported again for it, by another interpreter: a
            fork inherits the seed of hash() and the numbers that a module drew when it was imported.
    """

    name: str
    summary: str
    run: RouteFunction
    unavailable: Callable[[Facts], str | None] = always
    precision: Precision = "float32"
    placement: Placement = "main"
    moves: bool = False
    streams: bool = False
    target: str = ""
    needs: str = ""
    interprets_again: bool = False

    @property
    def worker(self) -> str:
        """The key of the worker that runs it: each target has one of its own."""
        return f"{self.placement}:{self.target}" if self.target else self.placement

    def on_target(self, placement: Placement, label: str, words: str) -> Route:
        """Return this route on the target with a label; the words are the end of its summary."""
        return replace(
            self,
            name=route_on(self.name, label),
            summary=f"{self.summary}{words}",
            placement=placement,
            target=label,
        )


def plain_routes(table: Mapping[str, tuple[str, RouteFunction]]) -> tuple[Route, ...]:
    """Return the routes of a table from name to summary and function."""
    return tuple(Route(name=name, summary=summary, run=run) for name, (summary, run) in table.items())
