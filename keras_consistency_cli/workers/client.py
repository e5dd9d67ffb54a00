"""A seat: one worker with the subject loaded, asked for one route at a time, replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter

from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.measurement.facts import DataFacts, Facts
from keras_consistency_cli.routes.trace import Change, Trace
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers import protocol
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["WorkerClient", "WorkerDied", "WorkerError"]


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    facts: Facts
    rows: str
    unprotected: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Ran:
    changed: tuple[Change, ...]
    details: dict[str, Any]
    elapsed_s: float


_LOADED, _RAN, _DESCRIPTION = TypeAdapter(_Loaded), TypeAdapter(_Ran), TypeAdapter(DataFacts)
_Read = TypeVar("_Read")
_ERRORS: dict[str, type[KcheckError]] = {
    "UsageError": UsageError,
    "DataError": DataError,
    "RefusedError": RefusedError,
}


class WorkerDied(Exception):  # noqa: N818 - told as a reason
    """A worker ended or hung before it answered; the message says how."""


class WorkerError(Exception):
    """A worker answered with an error; `kind` is the exception's class there."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class WorkerClient:
    """A worker and the message by which a replacement loads the same subject.

    Args:
        fork server: where workers are forked.
        load: the load request: files and probe, as plain data.
        timeout: seconds that one answer may take, from the question to its last byte.
        deadline: what holds instead of `timeout` where the whole run has a limit too.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        load: Mapping[str, Any],
        *,
        timeout: float,
        deadline: Deadline | None = None,
    ) -> None:
        self._fork_server, self._load_request = fork_server, load
        self._deadline = deadline or Deadline(answer=timeout)
        self._channel: socket.socket | None = None
        self._child = 0
        self._mark = 0
        self.unprotected: tuple[str, ...] = ()
        """What the worker could not be kept from, in words; known once it has loaded."""

    def load(self) -> tuple[Facts, str]:
        """Load the subject; return its facts and how rows were made in words.

        Raises:
            KcheckError: the worker refused, with its own message and exit code.
            NoVerdictError: it died or hung while loading.
        """
        if self._deadline.over:
            raise NoVerdictError(f"the model could not be loaded: {self._deadline.words()}")
        self._start_worker()
        try:
            header, _ = self._ask({"op": "load", **self._load_request}, {})
            loaded = self._understood(lambda: _LOADED.validate_python(header))
        except WorkerDied as death:
            raise NoVerdictError(f"the model could not be loaded: {death}") from death
        except WorkerError as refusal:
            self._kill()
            raise _ERRORS.get(refusal.kind, NoVerdictError)(str(refusal)) from refusal
        self.unprotected = tuple(loaded.unprotected)
        return loaded.facts, loaded.rows

    @property
    def _seated(self) -> bool:
        return self._channel is not None

    def _start_worker(self) -> None:
        self._child, self._channel = self._fork_server.fork(deadline=self._deadline.start())

    def describe(self, *, every: bool) -> DataFacts:
        """Describe the rows and what happens to them before the model.

        Args:
            every: whether to read all rows of a large file.

        Raises:
            KcheckError: rows, scaler and model do not fit each other, or the worker died.
        """
        try:
            if not self._seated:
                self.load()
            header, _ = self._ask({"op": "describe", "every": every}, {})
            return self._understood(lambda: _DESCRIPTION.validate_python(header["description"]))
        except WorkerError as refusal:
            raise _ERRORS.get(refusal.kind, NoVerdictError)(str(refusal)) from refusal
        except WorkerDied as death:
            raise NoVerdictError(f"the rows could not be described: {death}") from death

    def run(self, route: str, rows: np.ndarray) -> tuple[Trace, Trace | None]:
        """Run one route on the rows of these numbers; return its trace and that of the baseline it brought along.

        A crash, a hang or an exception becomes a trace with an error, and the next route gets a new worker.
        """
        try:
            if self._deadline.over:
                raise WorkerDied(self._deadline.words())
            if not self._seated:
                self.load()
            header, arrays = self._ask({"op": "run", "route": route}, {"rows": rows})
            if "unavailable" not in header:
                return self._understood(lambda: _traces(route, header, arrays, len(rows)))
        except DataError:
            raise
        except (WorkerDied, WorkerError, KcheckError) as problem:
            return Trace(route=route, error=clean(problem, 400)), None
        return Trace(route=route, unavailable=clean(header["unavailable"], 400)), None

    def lost(self) -> str | None:
        """How the worker ended although nobody told it to, after its last answer; None where it still answers."""
        if self._channel is None:
            return None
        try:
            # It has to answer: one that was killed may take a while to end, but does nothing any more.
            self._ask({"op": "here"}, {}, within=self._deadline.answer)
        except (WorkerDied, WorkerError) as how:
            return str(how)
        return None

    def terminate_all(self) -> None:
        """End the worker, and all others of its fork server: whoever waits for one of them is told at once."""
        self._fork_server.close()

    def _ask(
        self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, within: float | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        assert self._channel is not None
        deadline = self._deadline.next() if within is None else time.monotonic() + within
        self._mark = self._fork_server.printed
        try:
            protocol.send(self._channel, request, arrays, deadline=deadline)
            header, answers = protocol.receive(
                self._channel, deadline=deadline, most=self._fork_server.largest_answer
            )
        except TimeoutError as silence:
            words = self._deadline.words()
            self._kill()
            raise WorkerDied(words) from silence
        except (EOFError, OSError, ValueError) as end:
            raise WorkerDied(self._cause_of_death(end)) from end
        if "error" in header:
            error, kind = str(header["error"]), str(header.get("kind"))
            if kind == "DataError":
                raise DataError(error)
            raise WorkerError(error, kind)
        return header, answers

    def _understood(self, read: Callable[[], _Read]) -> _Read:
        """Read an answer; a worker runs the model's own code, so that what looks like one may hold anything."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise WorkerDied(self._cause_of_death(ValueError(protocol.NO_MESSAGE))) from problem

    def _cause_of_death(self, end: Exception) -> str:
        if isinstance(end, ValueError):
            self._kill()
            return f"{end}{self._last_words()}"
        self.close()
        # A worker may have closed its channel and live on; one that is ending already keeps the exit code it has.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        greedy, code = self._fork_server.memory_exceeded(self._child), self._fork_server.ended(self._child)
        if greedy is not None:
            return greedy
        if code < 0:
            name = signal.Signals(-code).name
            likely = ", which is what running out of memory looks like" if name == "SIGKILL" else ""
            return f"its process was killed by {name}{likely}{self._last_words()}"
        return f"its process ended by itself with exit code {code}: {self._fork_server.log_tail(since=self._mark)}"

    def _last_words(self) -> str:
        """What was printed since the question, where anything was."""
        return (
            f": {self._fork_server.log_tail(since=self._mark)}"
            if self._fork_server.printed > self._mark
            else ""
        )

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        self.close()
        self._fork_server.ended(self._child)

    def close(self) -> None:
        """Hang up, upon which the worker ends by itself; safe to call twice."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None


def _traces(
    route: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], asked: int
) -> tuple[Trace, Trace | None]:
    groups: dict[str, dict[str, np.ndarray]] = {"outputs": {}, "baseline": {}}
    for key, values in arrays.items():
        group, _, name = key.partition("/")
        if name:
            groups[group][name] = values
    ran, rows = _RAN.validate_python(header), arrays.get("rows")
    if rows is not None and (
        rows.ndim != 1
        or rows.dtype.kind not in "iu"
        or (rows.size and (rows.min() < 0 or rows.max() >= asked))
    ):
        raise ValueError("rows that nobody asked for")
    trace = Trace(
        route=route,
        outputs=groups["outputs"],
        rows=rows,
        details=ran.details,
        changed=ran.changed,
        elapsed_s=ran.elapsed_s,
    )
    return trace, Trace(route=f"{route}-baseline", outputs=groups["baseline"], rows=rows) if groups[
        "baseline"
    ] else None
