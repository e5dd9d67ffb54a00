"""Route: the description of one way to run the model. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["Placement", "Precision", "Route", "always", "plain_routes"]

Precision = Literal["float32", "float64"]
"""Which copy of the model a route runs on: as saved, or its float64 copy."""

Placement = Literal["main", "fresh", "shadow", "kernels", "thread"]
"""Which process: the main worker, one that has run nothing before, one on TensorFlow, where float64 copies live, one without oneDNN, or one with a
single thread."""


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
    precision: Precision = "float32"
    placement: Placement = "main"
    streams: bool = False


def plain_routes(table: Mapping[str, tuple[str, Callable[[Session, Rows], Result]]]) -> tuple[Route, ...]:
    """Return the routes of a table that gives by name a summary and what is run."""
    return tuple(Route(name=name, summary=summary, run=run) for name, (summary, run) in table.items())
