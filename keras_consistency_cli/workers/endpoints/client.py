"""The client that stands in the place of a worker: it asks a service, and gets rows from a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from keras_consistency_cli.config.endpoints import Endpoint
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.endpoints.orders import COLUMN_ORDERS, ORDER_ROWS, OrderDetails
from keras_consistency_cli.routes.endpoints.table import REORDERED
from keras_consistency_cli.routes.trace import (
    GIVEN_ROWS,
    REFERENCE,
    GivenDetails,
    Outputs,
    Result,
    Trace,
)
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.endpoints.asked import Asked
from keras_consistency_cli.workers.endpoints.errors import EndpointError, ShapeError, SpentError
from keras_consistency_cli.workers.endpoints.misplaced import distances
from keras_consistency_cli.workers.endpoints.questions import QUESTIONS
from keras_consistency_cli.workers.endpoints.sequences import sequence_places
from keras_consistency_cli.workers.endpoints.service import Service

__all__ = ["EndpointClient"]

_SINGLE_REQUESTS = 16
"""Rows that a service is asked about which takes one row in a request."""
_TABLE_AXES = 2
_AS_NEAR, _ROUNDING = 2.0, 1e-6
"""An order is as near as the nearest one within this factor of its distance, or this share of the outputs."""
_rows_lock = threading.Lock()
"""Several services get their rows from one worker."""


class EndpointClient(WorkerClient):
    """Runs the routes of one endpoint.

    Args:
        endpoint: the service.
        worker: a worker that has loaded the subject and is asked by endpoints only.
        requests: the most requests of the whole run.
        batch_size: rows in a request.
        scales: whether a scaler or preprocess function is given.
        deadline: the time limit of the whole run; the service has its own limit for one answer.

    Raises:
        UsageError: a header has no value.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        worker: WorkerClient,
        *,
        requests: int,
        batch_size: int,
        scales: bool,
        deadline: Deadline | None = None,
    ) -> None:
        self._endpoint, self._worker, self._headers = endpoint, worker, endpoint.header_values()
        self._requests, self._batch_size, self._scales = requests, batch_size, scales
        run = deadline or Deadline(answer=endpoint.timeout)
        self._deadline = replace(run, answer=endpoint.timeout)
        self._service: Service | None = None
        self._asked: tuple[bytes, Asked] | None = None
        self._dead = ""
        self.unprotected = ()

    def load(self) -> tuple[Facts, str]:
        """Load the subject in the worker of the endpoints."""
        return self._worker.load()

    def lost(self) -> str | None:
        """Return None: a service is no process of this run."""
        return None

    def terminate_all(self) -> None:
        """End the worker of the endpoints."""
        self._worker.terminate_all()

    def close(self) -> None:
        """Do nothing: the worker is closed by its owner."""

    def run(
        self, route: str, rows: np.ndarray, _given: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Trace, Trace | None]:
        """Ask the service, and return its answers as the trace of a route, with that of the baseline."""
        start = time.perf_counter()
        question = route.partition("@")[0]
        if self._dead or self._deadline.over:
            return Trace(route=route, error=self._dead or self._deadline.reason()), None
        try:
            # Each question about a row is a request of its own.
            rows = rows[:_SINGLE_REQUESTS] if self._endpoint.takes_one_row else rows
            asked = self._prepare(rows)
            if isinstance(asked, str):
                return Trace(route=route, error=asked), None
            result = self._find_order(asked, rows) if question == REORDERED else QUESTIONS[question](asked)
        except ShapeError as wrong:
            return Trace(route=route, details={"wrong": str(wrong), "missing": wrong.missing}), None
        except EndpointError as failure:
            message = f"{self._endpoint.label}: {clean(failure, 200)}"
            if not failure.status and not isinstance(failure, SpentError):
                self._dead = message  # a service that cannot be reached is not asked again and again
            return Trace(route=route, error=message), None
        if self._endpoint.takes_one_row and result.rows is None and result.outputs:
            result = replace(result, rows=np.arange(len(rows)))
        return _traces(route, result, time.perf_counter() - start)

    def _prepare(self, numbers: np.ndarray) -> Asked | str:
        """Get the rows from the worker, once for each set; return why there are none."""
        key = numbers.tobytes()
        if self._asked is not None and self._asked[0] == key:
            return self._asked[1]
        with _rows_lock:
            raw, fed = self._worker.run(GIVEN_ROWS, numbers)
            predicted, _ = self._worker.run(REFERENCE, numbers)
        failed = next((trace for trace in (raw, fed, predicted) if trace is None or not trace.ran), None)
        if fed is None or failed is not None:
            reason = (failed.error or failed.unavailable) if failed is not None else None
            return f"the model gives no outputs to compare with: {reason}"
        columns = self._columns(raw)
        if columns is None:
            return "RECORD and RECORDS stand for names of columns, and the rows of --data have none"
        step_size = raw.details_as(GivenDetails).get("step_size", 0)
        if self._service is None:
            self._service = self._open(predicted.outputs, is_stateful=bool(step_size))
        asked = Asked(
            service=self._service,
            raw=_name_columns(raw.outputs, columns),
            fed=_name_columns(fed.outputs, columns),
            scales=self._scales,
            predicted=predicted.outputs,
            batch_size=self._batch_size,
            step_size=step_size,
        )
        if step_size and self._service.has_sequences:
            asked.continued = self._continue(numbers, step_size)
        self._asked = key, asked
        return asked

    def _open(self, predicted: Outputs, *, is_stateful: bool) -> Service:
        return Service(
            self._endpoint,
            headers=self._headers,
            requests=self._requests,
            deadline=self._deadline,
            shapes={name: values.shape[1:] for name, values in predicted.items()},
            is_stateful=is_stateful,
        )

    def _columns(self, raw: Trace) -> Sequence[str] | None:
        """The names of the columns, empty if not needed, None if there are none."""
        if not self._endpoint.takes_records:
            return ()
        given = raw.details_as(GivenDetails)
        columns: Sequence[str] = given.get("columns", ())
        is_nameless = not columns and not given.get("is_table") and len(raw.outputs) == 1
        return None if is_nameless else columns

    def _continue(self, numbers: np.ndarray, step_size: int) -> Outputs:
        """The outputs of the model for each sequence of requests, which starts from the reset states."""
        places = sequence_places(len(numbers), step_size)
        with _rows_lock:
            traces = [
                self._worker.run(REFERENCE, numbers[place.ravel()])[0] for place in places if place.size
            ]
        if not traces or not all(trace.ran for trace in traces):
            return {}
        names = traces[0].outputs
        return {name: np.concatenate([trace.outputs[name] for trace in traces]) for name in names}

    def _find_order(self, asked: Asked, numbers: np.ndarray) -> Result:
        """The outputs of the model for the order of columns that is nearest to the answers."""
        with _rows_lock:
            trace, _ = self._worker.run(COLUMN_ORDERS, numbers)
        details = trace.details_as(OrderDetails) if trace.ran else OrderDetails(reason=str(trace.error))
        if "orders" not in details or asked.answers is None:
            return Result(outputs={}, details={"reason": details.get("reason", "")})
        count = min(ORDER_ROWS, len(numbers))
        tried = {name: values.reshape(-1, count, *values.shape[1:]) for name, values in trace.outputs.items()}
        far = [
            sum(
                distances(values, answers[name].values[:count]).reshape(len(values), -1).mean(axis=1)
                for name, values in tried.items()
            )
            for answers in (asked.answers, asked.scaled)
            if answers is not None
        ]
        nearest = np.min(far, axis=0)
        best = int(np.argmin(nearest))
        return Result(
            outputs={name: values[best] for name, values in tried.items()},
            rows=np.arange(count),
            details={**details["orders"][best], "is_only": not _has_rivals(tried, nearest, best)},
        )


def _has_rivals(tried: Mapping[str, np.ndarray], distance: np.ndarray, best: int) -> bool:
    """Whether orders with different outputs are as near: probabilities of 0 and 1 agree by chance.

    Args:
        tried: the outputs by name, with the orders on the first axis.
        distance: the mean distance of each order from the answers.
        best: the order that is nearest.
    """
    size = max(float(np.nanmax(np.abs(values[best]), initial=0.0)) for values in tried.values())
    near = np.flatnonzero(distance <= _AS_NEAR * distance[best] + _ROUNDING * size)
    return any(
        not np.array_equal(values[near], values[[best] * len(near)], equal_nan=True)
        for values in tried.values()
    )


def _name_columns(rows: Outputs, columns: Sequence[str]) -> Outputs:
    """Return the columns of a table by their names, as objects need them; other rows as they are."""
    (values, *others) = rows.values()
    if others or values.ndim != _TABLE_AXES or values.shape[1] != len(columns):
        return rows
    return {name: values[:, place] for place, name in enumerate(columns)}


def _traces(route: str, result: Result, elapsed: float) -> tuple[Trace, Trace | None]:
    trace = Trace(
        route=route, outputs=result.outputs, rows=result.rows, details=result.details, elapsed_s=elapsed
    )
    if result.baseline is None:
        return trace, None
    baseline = replace(trace, route=f"{route}-baseline", outputs=result.baseline, details={}, elapsed_s=0.0)
    return trace, baseline
