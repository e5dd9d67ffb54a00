"""Answers: read what a worker answered, and refuse what is not an answer.

A worker runs the model's own code, so that any message may contain anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.distance import is_integer
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import Change, Trace

__all__ = ["LoadAnswer", "read_description", "read_load_answer", "read_traces"]


@dataclass(frozen=True, kw_only=True)
class LoadAnswer:
    """The model's facts, how rows were generated, and what could not be prevented."""

    facts: Facts
    rows: str
    unprotected: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _RunAnswer:
    changed: tuple[Change, ...]
    details: dict[str, Any]
    elapsed_s: float
    tracing_s: float = 0.0


_LOAD, _RUN, _DESCRIPTION = TypeAdapter(LoadAnswer), TypeAdapter(_RunAnswer), TypeAdapter(DataFacts)


def read_load_answer(header: Mapping[str, Any]) -> LoadAnswer:
    """Return the answer to "load".

    Raises:
        ValueError: it is not such an answer.
    """
    return _LOAD.validate_python(header)


def read_description(header: Mapping[str, Any]) -> DataFacts:
    """Return the answer to "describe".

    Raises:
        KeyError, ValueError: it is not such an answer.
    """
    return _DESCRIPTION.validate_python(header["description"])


def read_traces(
    route: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], requested: int
) -> tuple[Trace, Trace | None]:
    """Return the trace of a route, and that of its baseline if there is one.

    Args:
        route: the name of the route.
        header: the header of the answer.
        arrays: its arrays: "rows", "outputs/NAME" and "baseline/NAME".
        requested: how many rows the route was run on.

    Raises:
        KeyError, ValueError: it is not such an answer.
    """
    groups: dict[str, dict[str, np.ndarray]] = {"outputs": {}, "baseline": {}}
    for key, values in arrays.items():
        group, _, name = key.partition("/")
        if name:
            groups[group][name] = values
    run, rows = _RUN.validate_python(header), arrays.get("rows")
    if rows is not None and not _are_positions(rows, requested):
        raise ValueError("rows that were not requested")
    trace = Trace(
        route=route,
        outputs=groups["outputs"],
        rows=rows,
        details=run.details,
        changed=run.changed,
        elapsed_s=run.elapsed_s,
        tracing_s=run.tracing_s,
    )
    if not groups["baseline"]:
        return trace, None
    return trace, Trace(route=f"{route}-baseline", outputs=groups["baseline"], rows=rows)


def _are_positions(rows: np.ndarray, count: int) -> bool:
    """Whether these are positions in a chunk of so many rows."""
    if rows.ndim != 1 or not is_integer(rows.dtype):
        return False
    return not rows.size or bool(rows.min() >= 0 and rows.max() < count)
