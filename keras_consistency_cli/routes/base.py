"""Route, Trace and the plan by which routes are asked for; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from keras_consistency_cli.measurement.facts import Facts

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["Change", "Lens", "Outputs", "Result", "Route", "Rows", "Seat", "Trace", "always", "lifted_name", "plain_routes"]

Rows = Mapping[str, "np.ndarray"]
"""Input rows by input name; every array has the rows on axis 0."""

Outputs = Mapping[str, "np.ndarray"]
"""Output rows by output name."""

Lens = Literal["float32", "float64"]
"""Which copy of the model a route runs on: as saved, or its float64 shadow."""

Seat = Literal["main", "fresh", "shadow", "kernels", "thread"]
"""Which process: the main worker, one that has run nothing before, one on TensorFlow, where float64 shadows live, one without oneDNN, or one with a
single thread."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A variable that differs after a route from what it was before; `kind` is weight, state or seed."""

    path: str
    kind: Literal["weight", "state", "seed"]
    max_abs: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a route's function returns: outputs by name, which rows they answer for (None: all, in order) and anything else it measured.

    A route that brings its own reference along gives it as `baseline`: a second trace, named after the route with "-baseline".
    """

    outputs: Mapping[str, np.ndarray]
    baseline: Mapping[str, np.ndarray] | None = None
    rows: np.ndarray | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What came of one route on one chunk of rows: outputs, or the reason it is unavailable, or its error.

    `rows` are the positions in the chunk that the output rows answer for; None means all of them in order.
    """

    route: str
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: np.ndarray | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[Change, ...] = ()
    unavailable: str | None = None
    error: str | None = None
    elapsed_s: float = 0.0

    @property
    def ran(self) -> bool:
        """Whether the route gave outputs or measurements."""
        return self.unavailable is None and self.error is None


def lifted_name(route: str) -> str:
    """The name of the same route on the float64 shadow; a baseline stays one."""
    return route.removesuffix("-baseline") + "-float64" + ("-baseline" if route.endswith("-baseline") else "")


def always(_facts: Facts) -> str | None:
    """Never unavailable."""
    return None


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way to turn the subject's rows into output rows.

    Args:
        name: stable name, as shown in reports.
        summary: one line for readers.
        run: called with a session and one chunk of rows.
        unavailable: the reason why it cannot run for these facts, or None.
        lens: which copy of the model it runs on.
        seat: which process it runs in.
        streams: whether it runs on every chunk of rows, or only on the first (a spread sample).
    """

    name: str
    summary: str
    run: Callable[[Session, Rows], Result]
    unavailable: Callable[[Facts], str | None] = always
    lens: Lens = "float32"
    seat: Seat = "main"
    streams: bool = False


def plain_routes(table: Mapping[str, tuple[str, Callable[[Session, Rows], Result]]]) -> tuple[Route, ...]:
    """Return the routes of a table that gives by name a summary and what is run."""
    return tuple(Route(name=name, summary=summary, run=run) for name, (summary, run) in table.items())
