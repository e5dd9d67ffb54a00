"""The route that measures the time of the ways to call the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["COST_ROUTES", "CostDetails"]

_TRACED_SHARE = 0.1
"""A call compiles if tracing takes more of its time: Keras traces its functions for data in each predict."""
_LONG = 0.25
"""Seconds of a call that is not worth repeating if it compiles nothing."""
_MOST_EAGER_STEPS = 128
"""Time steps of a recurrent model above which an eager call is not measured at all."""


class CostDetails(TypedDict):
    """Details of the route `costs`.

    `seconds_a_row` has the time by way of calling and then for "one" row or "many"; a slow eager call is not
    measured for many, and that of a heavy model or over many time steps not at all.
    """

    seconds_a_row: dict[str, dict[str, float]]
    rows: int


@dataclass(frozen=True, kw_only=True)
class _Way:
    """A way to call the model, how many warm calls are timed, and whether it is eager.

    A slow eager call takes as long for a batch as for a row, as a loop over time steps, and is timed once.
    """

    run: Callable[[Rows], object]
    calls: int
    eager: bool = False


def _costs(session: Session, rows: Rows) -> Result:
    """Measure seconds per row of predict, an eager call and a compiled step.

    Each is measured for one row and for a batch.
    """
    one_row = first_batch(rows, session.facts.batch_size or 1)
    many = first_batch(rows, session.affordable_batch)
    seconds = {way: _time_rows(session, run, one_row, many) for way, run in _ways(session, one_row).items()}
    details: CostDetails = {"seconds_a_row": seconds, "rows": count_rows(many)}
    return Result(outputs={}, details=details)


def _ways(session: Session, rows: Rows) -> dict[str, _Way]:
    ways = {
        "predict": _Way(run=lambda x: session.predict(x, batch_size=session.batch_size), calls=1),
        "call": _Way(run=lambda x: session.call(x, training=False), calls=1, eager=True),
        "compiled": _Way(run=session.step, calls=2),
    }
    if session.is_heavy or session.loop_steps(rows) > _MOST_EAGER_STEPS:
        # Each operation or step of a loop is called from Python: seconds, for mere information.
        del ways["call"]
    return ways


def _time_rows(session: Session, way: _Way, one_row: Rows, many: Rows) -> dict[str, float]:
    one = _shortest_time(session, way, one_row)
    times = {"one": one / count_rows(one_row)}
    if not way.eager or one <= _LONG:
        times["many"] = _shortest_time(session, way, many) / count_rows(many)
    return times


def _shortest_time(session: Session, way: _Way, rows: Rows) -> float:
    """Return the seconds of a call after the first one, which may also compile.

    A call that compiles nothing and takes long is not repeated.
    """
    traced_before = session.tracing_seconds()
    first = _time(way.run, rows)
    has_traced = session.tracing_seconds() - traced_before > _TRACED_SHARE * first
    has_compiled = session.model.jit_compile or has_traced
    if first > _LONG and (way.eager or not has_compiled):
        return first
    return min(_time(way.run, rows) for _ in range(way.calls))


def _time(run: Callable[[Rows], object], rows: Rows) -> float:
    start = time.perf_counter()
    run(rows)
    return time.perf_counter() - start


COST_ROUTES: tuple[Route, ...] = (
    Route(name="costs", summary="time per row of the ways to call the model", run=_costs),
)
