"""The queue of a fleet: which model starts next, in how many threads, and when to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Job", "JobQueue"]

_Item = TypeVar("_Item")
_TICK_S = 0.5
"""The main thread wakes up this often, so that a signal is handled at once on every system."""


@dataclass(frozen=True, kw_only=True)
class Job(Generic[_Item]):
    """An item, the memory that it needs in bytes, and whether it must run alone."""

    item: _Item
    memory: int = 0
    alone: bool = False


@dataclass(kw_only=True)
class _State(Generic[_Item]):
    """What waits and what runs; only changed under the condition."""

    waiting: list[Job[_Item]]
    running: list[Job[_Item]] = field(default_factory=list)
    is_stopped: bool = False
    failure: BaseException | None = None


class JobQueue(Generic[_Item]):
    """Runs jobs in threads: the largest first, as long as all that run fit into memory together.

    Args:
        jobs: the jobs.
        threads: how many run at the same time.
        budget: the bytes that all may use together; None for no limit. A job that needs more runs alone.
    """

    def __init__(self, jobs: Sequence[Job[_Item]], *, threads: int, budget: int | None) -> None:
        ordered = sorted(jobs, key=lambda job: -job.memory)
        self._state = _State(waiting=ordered)
        self._budget, self._threads = budget, threads
        self._changed = threading.Condition()

    def run(self, act: Callable[[_Item], None]) -> None:
        """Call a function with every item; return when all have returned, or when `stop` was called.

        An exception of the function stops the queue and is raised here. Call this from the main thread, so
        that a signal can end it.
        """
        for number in range(min(self._threads, len(self._state.waiting))):
            # Daemons: a signal must not wait for the threads of runs that it ends.
            threading.Thread(target=self._work, args=(act,), name=f"fleet-{number}", daemon=True).start()
        with self._changed:
            while not self._state.is_stopped and (self._state.waiting or self._state.running):
                self._changed.wait(_TICK_S)
        if self._state.failure is not None:
            raise self._state.failure

    def add(self, job: Job[_Item]) -> None:
        """Add a job at the end; jobs that must run alone wait until nothing else does."""
        with self._changed:
            self._state.waiting.append(job)
            self._changed.notify_all()

    def stop(self) -> None:
        """Start no more jobs, and let `run` return."""
        with self._changed:
            self._state.is_stopped = True
            self._changed.notify_all()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._state.is_stopped

    def _work(self, act: Callable[[_Item], None]) -> None:
        while (job := self._next()) is not None:
            try:
                act(job.item)
            except BaseException as failure:
                self._state.failure = self._state.failure or failure
                self.stop()
            finally:
                with self._changed:
                    self._state.running.remove(job)
                    self._changed.notify_all()

    def _next(self) -> Job[_Item] | None:
        """Wait for a job that may start; None if there will be none."""
        state = self._state
        with self._changed:
            while not state.is_stopped and (state.waiting or state.running):
                job = self._startable()
                if job is not None:
                    state.waiting.remove(job)
                    state.running.append(job)
                    return job
                self._changed.wait()
        return None

    def _startable(self) -> Job[_Item] | None:
        state = self._state
        if not state.running:
            # Nothing runs: the first may start whatever it needs; jobs that run alone are last.
            together = [job for job in state.waiting if not job.alone]
            return next(iter(together or state.waiting), None)
        if any(job.alone for job in state.running):
            return None
        used = sum(job.memory for job in state.running)
        fits = (
            job
            for job in state.waiting
            if not job.alone and (self._budget is None or used + job.memory <= self._budget)
        )
        return next(fits, None)
