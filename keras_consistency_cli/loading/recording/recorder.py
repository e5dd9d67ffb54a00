"""The recorder: keeps what a service feeds to its model and gets from it, for `kcheck run --served`.

It runs inside the service: it imports nothing but NumPy, keeps a bounded sample, writes in a thread of its
own, and no error of it reaches the service.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from keras_consistency_cli.loading.recording.arrays import (
    Arrays,
    UnrecordableError,
    copy_arrays,
    count_rows,
    first_rows,
)
from keras_consistency_cli.loading.recording.pending import add_raw, forget_raw, take_raw
from keras_consistency_cli.loading.recording.sample import Request, Sample
from keras_consistency_cli.loading.recording.writing import Destination, write_requests

__all__ = ["Recorder"]

_MEGABYTE = 2**20
_FIRST_WRITE = 2.0
"""Seconds after the first request until the file appears, so that a user sees that it works."""
_Inputs = ParamSpec("_Inputs")
_Output = TypeVar("_Output")
_log = logging.getLogger("keras_consistency_cli.record")
_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
_unsaved: set[Recorder] = set()
"""Recorders with requests that no file holds yet; they live on until these are written."""


class Recorder:
    """The sample of one model in this process, and its file."""

    def __init__(self, path: Path, *, rows: int, megabytes: float, every: float) -> None:
        if rows < 1 or megabytes <= 0 or every <= 0:
            raise ValueError("rows, megabytes and every must be positive")
        self._path, self._rows, self._bytes = path, rows, int(megabytes * _MEGABYTE)
        self._every = every
        self._input_names: Sequence[str] = ()
        self._output_names: Sequence[str] = ()
        self.errors = 0
        self._start_afresh()
        _recorders.add(self)

    def _start_afresh(self) -> None:
        """Forget everything: at the beginning, and in a process that was forked from this one."""
        _unsaved.discard(self)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._sample = Sample(rows=self._rows, bytes=self._bytes)
        self._numbers = itertools.count()
        self._destination = Destination(self._path)
        self._thread: threading.Thread | None = None

    def name_arrays(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Name the arrays of models with several inputs or outputs."""
        self._input_names, self._output_names = inputs, outputs

    def call(
        self, function: Callable[_Inputs, _Output], *arguments: _Inputs.args, **named: _Inputs.kwargs
    ) -> _Output:
        """Call the model and record the call. Errors of the model pass, errors of the recorder do not."""
        kept = self._before(arguments[0] if arguments else next(iter(named.values()), None))
        output = function(*arguments, **named)
        if kept is not None:
            self._after(kept, output)
        return output

    def _before(self, rows: object) -> tuple[Request, float] | None:
        """Copy the rows before the model gets them, if the request is kept."""
        try:
            number, priority = next(self._numbers), self._sample.draw()
            if priority is None:
                forget_raw()
                return None
            served = copy_arrays(rows, self._input_names)
            size = count_rows(served)
            raw = take_raw(size)
            raw = first_rows(raw, self._rows) if raw is not None else None
            served = first_rows(served, self._rows)
            return Request(number=number, size=size, served=served, outputs={}, raw=raw), priority
        except Exception as error:
            self._count_error(error)
            return None

    def _after(self, kept: tuple[Request, float], output: object) -> None:
        try:
            request, priority = kept
            outputs = copy_arrays(output, self._output_names)
            if count_rows(outputs) != request.size:
                raise UnrecordableError(f"{count_rows(outputs)} outputs for {request.size} rows")
            self._keep(request, first_rows(outputs, self._rows), priority)
        except Exception as error:
            self._count_error(error)

    def _keep(self, request: Request, outputs: Arrays, priority: float) -> None:
        whole = replace(request, outputs=outputs)
        if whole.bytes > self._bytes:
            size = f"{whole.bytes / _MEGABYTE:.3g} MB"
            raise UnrecordableError(f"a request has {size}, and megabytes={self._bytes / _MEGABYTE:g}")
        with self._lock:
            self._sample.add(whole, priority)
            _unsaved.add(self)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_write_often, args=(weakref.ref(self), self._every), daemon=True
                )
                self._thread.start()

    def add_raw(self, rows: object) -> None:
        """Keep raw rows until the model is called with the rows that are made of them."""
        try:
            add_raw(copy_arrays(rows), most=self._rows)
        except Exception as error:
            self._count_error(error)

    def save(self) -> None:
        """Write the file now, if there is anything new."""
        try:
            with self._writing:  # the thread that writes now and then, the service and the end of the process
                with self._lock:
                    requests = self._sample.requests() if self in _unsaved else []
                    _unsaved.discard(self)
                if requests and (path := self._destination.path) is not None:
                    write_requests(path, requests)
        except Exception as error:
            self._count_error(error)

    def _count_error(self, error: Exception) -> None:
        self.errors += 1
        if self.errors == 1:
            _log.warning("kcheck cannot record: %s: %s", type(error).__name__, error)


def _write_often(reference: weakref.ref[Recorder], every: float) -> None:
    """Write soon after the first request, then every so many seconds, until the recorder is gone."""
    time.sleep(min(_FIRST_WRITE, every))
    while (recorder := reference()) is not None:
        recorder.save()
        del recorder  # during the pause, only the service keeps it alive
        time.sleep(every)


def _save_all() -> None:
    for recorder in list(_unsaved):
        recorder.save()


def _start_all_afresh() -> None:
    for recorder in list(_recorders):
        recorder._start_afresh()


atexit.register(_save_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_all_afresh)
