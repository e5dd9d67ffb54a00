"""Trace: the data that come out of a run. Only NumPy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = [
    "FLOAT64_COPY",
    "GIVEN_ROWS",
    "REFERENCE",
    "REPEATED",
    "ROUNDED",
    "Change",
    "Outputs",
    "Result",
    "Rows",
    "Trace",
    "float64_name",
]

REFERENCE, REPEATED, FLOAT64_COPY, ROUNDED = "predict", "predict-again", "predict-float64", "rounded-layers"
"""The route that all others are compared with, its repeat, the same on the float64 copy, and the copy with rounding put back in."""

GIVEN_ROWS = "given-rows"
"""The route that returns the rows themselves."""

Rows = Mapping[str, "np.ndarray"]
"""Input rows by input name; every array has the rows on axis 0."""

Outputs = Mapping[str, "np.ndarray"]
"""Output rows by output name."""


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


def float64_name(route: str) -> str:
    """The name of the same route on the float64 copy; a baseline stays one."""
    return route.removesuffix("-baseline") + "-float64" + ("-baseline" if route.endswith("-baseline") else "")
