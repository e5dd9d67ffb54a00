"""Worker client: one worker that has loaded the subject and runs one route at a time.

It covers the requests to a worker, their time limits, and a new worker after one has died. It does not cover
how processes are started (forkserver.py), framed messages (protocol.py), or what an answer must contain
(answers.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import REFERENCE, Trace
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers import protocol
from keras_consistency_cli.workers.answers import read_description, read_load_answer, read_traces
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.fork_source import ForkSource
from keras_consistency_cli.workers.post_mortem import describe_end

__all__ = ["WorkerClient", "WorkerDied", "WorkerError"]

_Parsed = TypeVar("_Parsed")
_ERRORS: dict[str, type[KcheckError]] = {
    "UsageError": UsageError,
    "DataError": DataError,
    "RefusedError": RefusedError,
}


class WorkerDied(Exception):  # noqa: N818 - reported as a reason
    """A worker ended or hung before it answered; the message says how."""


class WorkerError(Exception):
    """A worker answered with an error.

    `kind` is the name of the exception's class there, `cause` the slug of its cause, "" if it has none.
    """

    def __init__(self, message: str, kind: str, cause: str = "") -> None:
        super().__init__(message)
        self.kind, self.cause = kind, cause

    def as_refusal(self) -> KcheckError:
        """Return the error with which the run ends."""
        return _ERRORS.get(self.kind, NoVerdictError)(str(self), cause=self.cause)


class WorkerClient:
    """A worker, and the request that makes a replacement load the same subject.

    Args:
        fork_server: where workers are forked.
        load_request: the request to load the subject, as plain data.
        timeout: seconds that one answer may take, from the request to its last byte.
        deadline: replaces `timeout` if the whole run has a limit too.
    """

    def __init__(
        self,
        fork_server: ForkSource,
        load_request: Mapping[str, Any],
        *,
        timeout: float,
        deadline: Deadline | None = None,
    ) -> None:
        self._fork_server, self._load_request = fork_server, load_request
        self._deadline = deadline or Deadline(answer=timeout)
        self._channel: socket.socket | None = None
        self._child = 0
        self._printed_before = 0
        self.unprotected: tuple[str, ...] = ()
        """What the worker could not be prevented from, in words; known once it has loaded."""

    def load(self) -> tuple[Facts, str]:
        """Load the subject; return its facts and how rows were generated, in words.

        Raises:
            KcheckError: the worker refused, with its own message and exit code.
            NoVerdictError: it died or hung while loading.
        """
        if self._deadline.over:
            raise NoVerdictError(f"the model could not be loaded: {self._deadline.reason()}")
        self._start_worker()
        try:
            header, _ = self._ask({"op": "load", **self._load_request}, {})
            answer = self._parse(lambda: read_load_answer(header))
        except WorkerDied as death:
            raise NoVerdictError(f"the model could not be loaded: {death}") from death
        except WorkerError as refusal:
            self._kill()
            raise refusal.as_refusal() from refusal
        self.unprotected = tuple(answer.unprotected)
        return answer.facts, answer.rows

    @property
    def _is_running(self) -> bool:
        return self._channel is not None

    def _start_worker(self) -> None:
        files = self._load_request.get("files", {})
        scales = bool(files.get("scaler") or files.get("target_scaler"))
        self._child, self._channel = self._fork_server.fork(deadline=self._deadline.start(), scales=scales)

    def describe(self, *, every: bool) -> DataFacts:
        """Describe the rows and what happens to them before the model.

        Args:
            every: whether to read all rows of a large file.

        Raises:
            KcheckError: rows, scaler and model do not fit together, or the worker died.
        """
        try:
            if not self._is_running:
                self.load()
            header, _ = self._ask({"op": "describe", "every": every}, {})
            return self._parse(lambda: read_description(header))
        except WorkerError as refusal:
            raise refusal.as_refusal() from refusal
        except WorkerDied as death:
            raise NoVerdictError(f"the rows could not be described: {death}") from death

    def run(
        self, route: str, rows: np.ndarray, given: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Trace, Trace | None]:
        """Run one route on rows; return its trace and that of its baseline.

        A crash, a hang or an exception becomes a trace with an error, and the next route gets a new worker.
        The details of such a trace have the class of the exception (`raised`), if it was one.

        Args:
            route: the name of the route.
            rows: the numbers of the rows.
            given: the outputs of the route that it needs.

        Raises:
            DataError: the rows do not fit the model.
        """
        outputs = {f"{protocol.GIVEN}{name}": values for name, values in (given or {}).items()}
        try:
            if self._deadline.over:
                raise WorkerDied(self._deadline.reason())
            if not self._is_running:
                self.load()
            header, arrays = self._ask({"op": "run", "route": route}, {"rows": rows, **outputs})
            if "unavailable" not in header:
                return self._parse(lambda: read_traces(route, header, arrays, len(rows)))
        except DataError:
            raise
        except (WorkerDied, WorkerError, KcheckError) as problem:
            if isinstance(problem, WorkerError) and problem.cause and route == REFERENCE:
                raise problem.as_refusal() from problem
            answered = problem.__cause__ if isinstance(problem, KcheckError) else problem
            raised = answered.kind if isinstance(answered, WorkerError) else ""
            details = {"raised": clean(raised, 60)} if raised else {}
            # What follows in further lines is advice for a run that ends with this error.
            message = str(problem).partition("\n")[0]
            return Trace(route=route, error=clean(message, 400), details=details), None
        details = {key: clean(header[key], 60) for key in ("cause", "kind") if header.get(key)}
        return Trace(route=route, unavailable=clean(header["unavailable"], 400), details=details), None

    def lost(self) -> str | None:
        """Return how the worker ended unasked after its last answer, None if it still answers."""
        if self._channel is None:
            return None
        try:
            # It has to answer: a killed process may take a while to end, but does nothing any more.
            self._ask({"op": "here"}, {}, within=self._deadline.answer)
        except (WorkerDied, WorkerError) as death:
            return str(death)
        return None

    def terminate_all(self) -> None:
        """End all workers of the fork server; threads that wait for one return at once."""
        self._fork_server.close()

    def _ask(
        self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, within: float | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Send a request and return the answer.

        Raises:
            WorkerDied: there is no answer in time, or none at all.
            WorkerError: the answer is an error.
            DataError: the worker says that rows do not fit.
        """
        assert self._channel is not None
        deadline = self._deadline.next() if within is None else time.monotonic() + within
        self._printed_before = self._fork_server.printed
        try:
            protocol.send(self._channel, request, arrays, deadline=deadline)
            header, answers = protocol.receive(
                self._channel, deadline=deadline, limit=self._fork_server.largest_answer
            )
        except TimeoutError as silence:
            reason = self._deadline.reason()
            self._kill()
            raise WorkerDied(reason) from silence
        except (EOFError, OSError, ValueError) as end:
            raise WorkerDied(self._cause_of_death(end)) from end
        if "error" in header:
            error, kind = str(header["error"]), str(header.get("kind"))
            if kind == "DataError":
                raise DataError(error)
            raise WorkerError(error, kind, str(header.get("cause") or ""))
        return header, answers

    def _parse(self, read: Callable[[], _Parsed]) -> _Parsed:
        """Read an answer; one that is malformed counts as the worker's death."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise WorkerDied(self._cause_of_death(ValueError(protocol.NOT_A_MESSAGE))) from problem

    def _cause_of_death(self, end: Exception) -> str:
        """End the worker and return what went wrong.

        Args:
            end: what stopped the exchange; a ValueError is a malformed message, anything else a closed
                channel.
        """
        if isinstance(end, ValueError):
            self._kill()
            return f"{end}{self._printed_since_request()}"
        self.close()
        # A worker may have closed its channel and live on; one that is ending already keeps its exit code.
        self._send_kill()
        exceeded = self._fork_server.memory_exceeded(self._child)
        code = self._fork_server.wait_for(self._child)
        if exceeded is not None:
            return exceeded
        tail = self._fork_server.log_tail(since=self._printed_before)
        return describe_end(code, printed=self._printed_since_request(), log_tail=tail)

    def _printed_since_request(self) -> str:
        """Return what was printed since the request, as an addition to a sentence."""
        if self._fork_server.printed <= self._printed_before:
            return ""
        return f": {self._fork_server.log_tail(since=self._printed_before)}"

    def _kill(self) -> None:
        self._send_kill()
        self.close()
        self._fork_server.wait_for(self._child)

    def _send_kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)

    def close(self) -> None:
        """Close the channel; the worker then ends by itself; safe to call twice."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None
