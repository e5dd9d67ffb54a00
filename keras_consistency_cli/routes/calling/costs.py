"""The route that measures the time of the ways to call the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count_rows, first_batch, split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["COST_ROUTES", "CostDetails"]

_TIMED_CALLS = 2


class CostDetails(TypedDict):
    """Details of the route `costs`.

    `seconds_a_row` has the time by way of calling and then for "one" row or "many".
    """

    seconds_a_row: dict[str, dict[str, float]]
    rows: int


def _costs(session: Session, rows: Rows) -> Result:
    """Measure seconds per row of predict, an eager call and a compiled step.

    Each is warmed up and measured for one row and for many.
    """
    one_row = first_batch(rows, session.facts.batch_size or 1)
    ways: dict[str, Callable[[Rows], object]] = {
        "predict": lambda x: session.predict(x, batch_size=session.batch_size),
        "call": lambda x: [
            session.call(batch, training=False) for batch in split_batches(x, session.batch_size)
        ],
        "compiled": lambda x: session.steps(x, session.batch_size),
    }
    session.forget_traces()
    seconds: dict[str, dict[str, float]] = {}
    for name, run in ways.items():
        calls = 1 if name == "predict" else _TIMED_CALLS
        seconds[name] = {
            "one": _shortest_time(run, one_row, calls) / count_rows(one_row),
            "many": _shortest_time(run, rows, calls) / count_rows(rows),
        }
    details: CostDetails = {"seconds_a_row": seconds, "rows": count_rows(rows)}
    return Result(outputs={}, details=details)


def _shortest_time(run: Callable[[Rows], object], rows: Rows, calls: int) -> float:
    run(rows)
    shortest = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        run(rows)
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


COST_ROUTES: tuple[Route, ...] = (
    Route(name="costs", summary="time per row of the ways to call the model", run=_costs, placement="fresh"),
)
