"""A seat: one worker with the subject loaded, asked for one route at a time, replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from keras_consistency_cli import wire
from keras_consistency_cli.errors import DataError, KcheckError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.facts import DataFacts, Facts
from keras_consistency_cli.routes.base import Change, Trace
from keras_consistency_cli.supervisor.nursery import Nursery
from keras_consistency_cli.text import clean

__all__ = ["Seat", "SeatError", "WorkerDied"]

_FACTS = TypeAdapter(Facts)
_DESCRIPTION = TypeAdapter(DataFacts)
_CHANGES = TypeAdapter(tuple[Change, ...])
_ERRORS: dict[str, type[KcheckError]] = {"UsageError": UsageError, "DataError": DataError, "RefusedError": RefusedError}


class WorkerDied(Exception):  # noqa: N818 - told as a reason
    """A worker ended or hung before it answered; the message says how."""


class SeatError(Exception):
    """A worker answered with an error; `kind` is the exception's class there."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Seat:
    """A worker and the message by which a replacement loads the same subject.

    Args:
        nursery: where workers are forked.
        load: the load request: files and probe, as plain data.
        timeout: seconds after which a silent worker is taken for hung.
    """

    def __init__(self, nursery: Nursery, load: Mapping[str, Any], *, timeout: float) -> None:
        self._nursery, self._load_request, self._timeout = nursery, load, timeout
        self._channel: socket.socket | None = None
        self._child = 0

    def load(self) -> tuple[Facts, str]:
        """Load the subject; return its facts and how rows were made in words.

        Raises:
            KcheckError: the worker refused, with its own message and exit code.
            NoVerdictError: it died or hung while loading.
        """
        self._child, self._channel = self._nursery.fork()
        self._channel.settimeout(self._timeout)
        try:
            header, _ = self._ask({"op": "load", **self._load_request}, {})
        except WorkerDied as death:
            raise NoVerdictError(f"the model could not be loaded: {death}") from death
        except SeatError as refusal:
            self._dismiss()
            raise _ERRORS.get(refusal.kind, NoVerdictError)(str(refusal)) from refusal
        return _FACTS.validate_python(header["facts"]), str(header["rows"])

    def describe(self, *, every: bool) -> DataFacts:
        """Describe the rows and what happens to them before the model.

        Args:
            every: whether to read all rows of a large file.

        Raises:
            KcheckError: rows, scaler and model do not fit each other, or the worker died.
        """
        try:
            if self._channel is None:
                self.load()
            header, _ = self._ask({"op": "describe", "every": every}, {})
        except SeatError as refusal:
            raise _ERRORS.get(refusal.kind, NoVerdictError)(str(refusal)) from refusal
        except WorkerDied as death:
            raise NoVerdictError(f"the rows could not be described: {death}") from death
        return _DESCRIPTION.validate_python(header["description"])

    def run(self, route: str, rows: np.ndarray) -> tuple[Trace, Trace | None]:
        """Run one route on the rows of these numbers; return its trace and that of the baseline it brought along.

        A crash, a hang or an exception becomes a trace with an error, and the next route gets a new worker.
        """
        try:
            if self._channel is None:
                self.load()
            header, arrays = self._ask({"op": "run", "route": route}, {"rows": rows})
        except DataError:
            raise
        except (WorkerDied, SeatError, KcheckError) as problem:
            return Trace(route=route, error=clean(problem, 400)), None
        if "unavailable" in header:
            return Trace(route=route, unavailable=clean(header["unavailable"], 400)), None
        return _traces(route, header, arrays)

    def abandon(self) -> None:
        """End the worker, and all others of its nursery: whoever waits for one of them is told at once."""
        self._nursery.close()

    def _ask(self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        assert self._channel is not None
        try:
            wire.send(self._channel, request, arrays)
            header, answers = wire.receive(self._channel)
        except TimeoutError as silence:
            self._dismiss()
            raise WorkerDied(f"no answer within {self._timeout:g} s (--timeout)") from silence
        except (EOFError, OSError, ValueError) as end:
            raise WorkerDied(self._cause_of_death(end)) from end
        if "error" in header:
            if header["kind"] == "DataError":
                raise DataError(header["error"])
            raise SeatError(header["error"], header["kind"])
        return header, answers

    def _cause_of_death(self, end: Exception) -> str:
        if isinstance(end, ValueError):
            self._dismiss()
            return str(end)
        self.close()
        # A worker may have closed its channel and live on; one that is ending already keeps the exit code it has.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        code = self._nursery.ended(self._child)
        if code < 0:
            name = signal.Signals(-code).name
            return f"its process was killed by {name}" + (", which is what running out of memory looks like" if name == "SIGKILL" else "")
        return f"its process ended by itself with exit code {code}: {self._nursery.last_words()}"

    def _dismiss(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        self.close()
        self._nursery.ended(self._child)

    def close(self) -> None:
        """Hang up, upon which the worker ends by itself; safe to call twice."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None


def _traces(route: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[Trace, Trace | None]:
    groups: dict[str, dict[str, np.ndarray]] = {"outputs": {}, "baseline": {}}
    for key, values in arrays.items():
        group, _, name = key.partition("/")
        if name:
            groups[group][name] = values
    rows = arrays.get("rows")
    changed = _CHANGES.validate_python(header["changed"])
    trace = Trace(route=route, outputs=groups["outputs"], rows=rows, details=header["details"], changed=changed, elapsed_s=header["elapsed_s"])
    return trace, Trace(route=f"{route}-baseline", outputs=groups["baseline"], rows=rows) if groups["baseline"] else None
