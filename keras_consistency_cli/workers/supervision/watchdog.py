"""Watchdog: drain the log of processes, and end a worker that uses too much memory."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading

from keras_consistency_cli.workers.supervision.log import Log
from keras_consistency_cli.workers.supervision.memory import MemoryLimit, memory_used

__all__ = ["Watchdog"]

_EVERY_MS = 50


class Watchdog:
    """A thread that ends with `close`; it remembers why it ended a worker."""

    def __init__(self, log: Log, parent: int) -> None:
        self._log, self._parent = log, parent
        self.limit = MemoryLimit()
        self._lock = threading.Lock()
        self._workers: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._wake, self._bell = os.pipe()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def add(self, worker: int) -> None:
        """Watch a worker's memory until `drop`; after that another process may have the same id."""
        with self._lock:
            self._workers.add(worker)
            self._reasons.pop(worker, None)

    def drop(self, worker: int) -> str | None:
        """Stop watching a worker; return why it was ended here, or None."""
        with self._lock:
            self._workers.discard(worker)
            return self._reasons.pop(worker, None)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake)
        poll.register(self._log.reader)
        while self._wake not in (ready := {descriptor for descriptor, _ in poll.poll(_EVERY_MS)}):
            if self._log.reader in ready and not self._log.drain():
                poll.unregister(self._log.reader)
            self._check_memory()

    def _check_memory(self) -> None:
        with self._lock:
            if not self._workers:
                return
            exceeded = self.limit.find_exceeded(self._workers, shared=memory_used(self._parent))
            if exceeded is None:
                return
            worker, reason = exceeded
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            # An ending worker holds its memory a moment longer; that must not end the next one.
            self._workers.discard(worker)
            self._reasons[worker] = reason

    def close(self) -> None:
        """End the thread; safe to call twice."""
        if self._thread.is_alive():
            os.write(self._bell, b"x")
            self._thread.join()
        for descriptor in (self._wake, self._bell):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake = self._bell = -1
