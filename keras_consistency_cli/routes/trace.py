"""Trace: the result of one route on one chunk of rows. Only NumPy is imported here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np

__all__ = [
    "BATCH_SIZES",
    "FLOAT64_COPY",
    "GIVEN_ROWS",
    "REFERENCE",
    "REPEATED",
    "ROUNDED",
    "ROUNDED_TO_POLICIES",
    "SINGLE_ROWS",
    "TRACED_AGAIN",
    "Change",
    "ChangeKind",
    "Details",
    "GivenDetails",
    "Outputs",
    "Result",
    "Rows",
    "Trace",
    "WhyNoOutputs",
    "float64_name",
    "is_batch_size",
    "is_float64",
]

REFERENCE, REPEATED, FLOAT64_COPY, ROUNDED = "predict", "predict-again", "predict-float64", "rounded-layers"
"""Names of four routes.

The route that all others are compared with, its repetition, the same on the float64 copy, and the float64
copy with the rounding of float32 added layer by layer.
"""

TRACED_AGAIN = ("predict-retraced", "fresh-process")
"""Names of the routes that trace predict once more, here and in a process that has run nothing before."""

ROUNDED_TO_POLICIES = "rounded-to-policies"
"""The same, with the rounding of the layers' own types: only for models with layers of 16-bit floats."""

BATCH_SIZES = (2, 3, 7, 32)
"""Batch sizes to try unless the config names others.

1, all rows and a short last batch are always tried.
"""

GIVEN_ROWS = "given-rows"
"""The route that returns the rows themselves."""

Rows = Mapping[str, "np.ndarray"]
"""Input rows by input name; the rows are on axis 0 of every array."""

Outputs = Mapping[str, "np.ndarray"]
"""Output rows by output name."""

ChangeKind = Literal["weight", "state", "seed"]
"""The kind of a variable that running the model can change."""

Details = TypeVar("Details")


class WhyNoOutputs(TypedDict, total=False):
    """Details of a route that may not be applicable to the subject: why it ran without outputs."""

    reason: str


class GivenDetails(TypedDict, total=False):
    """Details of the route `given-rows`: whether rows are by column, and the names of the columns.

    `step_size` is the number of rows in one step of a model that carries state, 0 for other models.
    """

    is_table: bool
    columns: list[str]
    step_size: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """A variable whose value after a route differs from the value before it."""

    path: str
    kind: ChangeKind
    max_abs: float
    plain: bool = False
    """Whether it is a number of Python, which a graph holds as it was when the graph was traced."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The return value of a route's function.

    Args:
        outputs: outputs by name.
        baseline: the route's own reference, if it brings one; it becomes a second trace, named after the
            route with "-baseline".
        rows: positions in the chunk of the rows that the outputs belong to; None for all of them, in order.
        details: other measurements, as plain data.
    """

    outputs: Mapping[str, np.ndarray]
    baseline: Mapping[str, np.ndarray] | None = None
    rows: np.ndarray | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The result of one route on one chunk of rows.

    It has outputs, or the reason why the route is unavailable, or its error.

    `rows` are the positions in the chunk of the rows that the outputs belong to; None for all of them, in
    order. `output_rows` is the number of output rows by output, which the collector counts over all chunks.
    """

    route: str
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: np.ndarray | None = None
    output_rows: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[Change, ...] = ()
    unavailable: str | None = None
    error: str | None = None
    elapsed_s: float = 0.0
    tracing_s: float = 0.0
    """The part of `elapsed_s` in which functions were traced into graphs."""

    @property
    def ran(self) -> bool:
        """Whether the route returned outputs or measurements."""
        return self.unavailable is None and self.error is None

    def details_as(self, kind: Callable[..., Details]) -> Details:
        """Return a copy of the details as the TypedDict that the route's function fills."""
        # Calling a TypedDict checks nothing: an answer is only known to be plain data. mypy checks the keys
        # where the route's function fills the TypedDict.
        return kind(**self.details)


def float64_name(route: str) -> str:
    """Return the name of the same route on the float64 copy; a baseline stays a baseline."""
    return route.removesuffix("-baseline") + "-float64" + ("-baseline" if route.endswith("-baseline") else "")


SINGLE_ROWS = ("single-predict", "one-by-one")
"""Names of the routes that predict batches of one row, traced for one row and for any number of rows."""


def is_batch_size(route: str) -> bool:
    """Whether this is the name of a route that predicts in batches of one size, in the model's precision."""
    return re.fullmatch(r"batch-(\d+|all)", route) is not None


def is_float64(route: str) -> bool:
    """Whether this is the name of a route, or of a baseline, on the float64 copy."""
    return route.removesuffix("-baseline").endswith("-float64")
