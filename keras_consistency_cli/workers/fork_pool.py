"""Fork pool: fork servers that several runs share, so that the import of a backend is paid once.

Each run has a lease. It forks workers from a shared server, and has a log, a folder for temporary files and
limits of its own: the end of one run ends its workers only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.workers.forkserver import ForkServer, last_lines
from keras_consistency_cli.workers.supervision.log import Log
from keras_consistency_cli.workers.supervision.memory import MemoryLimit
from keras_consistency_cli.workers.supervision.watchdog import Watchdog

__all__ = ["ForkLease", "ForkPool"]

_LEAST_START_S = 120.0
"""Time for the import of a backend; a fork itself takes milliseconds, whatever the time limit of a run is."""

_Key = tuple[frozenset[tuple[str, str]], bool, int]


class ForkPool:
    """Fork servers by environment; a context manager that ends them all.

    Args:
        waiting: a fork server whose interpreter already runs; its owner closes it.
    """

    def __init__(self, waiting: ForkServer | None = None) -> None:
        self._waiting = waiting
        self._servers: dict[_Key, ForkServer] = {}
        self._lock, self._is_closed, self._numbers = threading.Lock(), False, count()
        # The kernel ends a fork server when the thread that started it ends, so one thread starts them all.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="fork-pool")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def lease(self) -> ForkLease:
        """Return a source of workers for one run."""
        return ForkLease(self)

    def next_number(self) -> int:
        """Return a number that no other lease has."""
        return next(self._numbers)

    def server(self, environment: Mapping[str, str], *, isolated: bool, spare: int = 0) -> ForkServer:
        """Return the server with this environment; start one if there is none, or if it was killed.

        Args:
            environment: variables to set before the backend is imported.
            isolated: whether its workers are isolated.
            spare: 0 for the main server of a run, more for each interpreter that must be a different one.

        Raises:
            NoVerdictError: the pool is closed.
        """
        key = (frozenset(environment.items()), isolated, spare)
        with self._lock:
            if self._is_closed:
                raise NoVerdictError("the run was stopped")
            server = self._servers.get(key)
            if server is not None and not server.is_running:
                server.close()
                server = None
            if server is None:
                waiting, self._waiting = self._waiting, None
                server = waiting or self._starter.submit(ForkServer).result()
                server.start(environment, isolated=isolated)
                self._servers[key] = server
            return server

    def close(self) -> None:
        """Kill every process; threads that wait for one return. Safe to call twice."""
        self._is_closed = True
        with self._lock:  # a server that starts at this moment is closed too
            servers = list(self._servers.values())
        for server in servers:
            server.close()
        self._starter.shutdown(wait=False)


class ForkLease:
    """The part of a pool that one run uses; it ends only the workers that it forked."""

    def __init__(self, pool: ForkPool, spare: int = 0) -> None:
        self._pool, self._spare = pool, spare
        self._server: ForkServer | None = None
        self._children: set[int] = set()
        self._channels: list[socket.socket] = []
        self._log, self._scratch = Log(), f"run-{pool.next_number()}"
        self._watch: Watchdog | None = None
        self._reaping = threading.Lock()
        self._deaths, self._others, self._is_open = 0, list[ForkLease](), True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def another(self) -> ForkLease:
        """Return a source whose workers are forks of a different interpreter."""
        self._others.append(ForkLease(self._pool, self._spare + 1))
        return self._others[-1]

    @property
    def deaths(self) -> int:
        """How many workers ended, or were ended, before the run was over."""
        return self._deaths + sum(other.deaths for other in self._others)

    def start(
        self, environment: Mapping[str, str], *, memory_limit: float | None = None, isolated: bool = True
    ) -> None:
        """Choose the server, and let it import the backend if it has not done so."""
        self._server = self._pool.server(environment, isolated=isolated, spare=self._spare)
        self._folder.mkdir(exist_ok=True)
        self._watch = Watchdog(self._log, self._server.process_id)
        if memory_limit is not None:
            self._watch.limit = MemoryLimit.of(memory_limit)

    @property
    def _started(self) -> ForkServer:
        assert self._server is not None
        return self._server

    @property
    def _folder(self) -> Path:
        return self._started.scratch / self._scratch

    def fork(self, *, deadline: float | None = None, scales: bool = False) -> tuple[int, socket.socket]:
        """Fork a worker; the time limit of one run never ends the server of all runs."""
        late = None if deadline is None else max(deadline, time.monotonic() + _LEAST_START_S)
        child, channel = self._started.fork(
            deadline=late, scales=scales, log=self._log.writer, scratch=self._scratch
        )
        self._children.add(child)
        self._channels.append(channel)
        if self._watch is not None:
            self._watch.add(child)
        return child, channel

    @property
    def largest_answer(self) -> int:
        """Greatest size of a worker's answer in bytes."""
        own = self._watch.limit.largest_answer if self._watch is not None else self._started.largest_answer
        return min(own, self._started.largest_answer)

    @property
    def printed(self) -> int:
        """How many bytes the workers of this run have printed so far."""
        return self._log.printed

    def memory_exceeded(self, child: int) -> str | None:
        """Return why a worker was ended for its memory, or None."""
        own = self._watch.drop(child) if self._watch is not None else None
        return own or self._started.memory_exceeded(child)

    def wait_for(self, child: int) -> int:
        """Wait for a worker to end; return its exit code, or minus the signal that killed it."""
        self._deaths += 1
        return self._reap(child)

    def _reap(self, child: int) -> int:
        with self._reaping:
            if child not in self._children:
                return -signal.SIGKILL  # a different thread has waited for it
            self._children.remove(child)
        if self._watch is not None:
            self._watch.drop(child)
        return self._started.wait_for(child)

    def lost(self) -> str | None:
        """Return that the server ended unexpectedly, None if it still answers."""
        return self._started.lost()

    def log_tail(self, lines: int = 3, *, since: int = 0) -> str:
        """Return the last lines that the workers of this run printed; before the first fork, the server's."""
        if not self._log.printed:
            return self._started.log_tail(lines)
        return last_lines(self._log, lines, since=since)

    def close(self) -> None:
        """End the workers of this run, wait for them, and remove its folder; safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        for child in tuple(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for channel in self._channels:
            channel.close()
        for child in tuple(self._children):
            self._reap(child)
        if self._watch is not None:
            self._watch.close()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._log.close_writer()
        self._log.close()
