"""A fleet: many models, checked by workers that are forked from the same fork servers.

A crash, a hang or an unreadable file ends the run of one model only. If a worker of a model died, the model
is checked once more at the end, with nothing else running: other models may have taken the memory.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from keras_consistency_cli.errors import KcheckError, NoVerdictError
from keras_consistency_cli.pipeline.fleet.queue import Job, JobQueue
from keras_consistency_cli.pipeline.fleet.store import ResultStore, subject_key
from keras_consistency_cli.pipeline.fleet.task import FleetTask, memory_needed
from keras_consistency_cli.pipeline.observer import Observer
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting.fleet.report import FleetReport, ModelResult, model_result
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.reproducer import command
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.fork_pool import ForkPool
from keras_consistency_cli.workers.supervision.memory import free_memory

__all__ = ["FleetObserver", "FleetOptions", "FleetRun", "default_jobs"]

_SHARE = 0.8
"""The part of the free memory that models may use together; the watchdog ends a worker at a higher one."""
_WORKERS_OF_A_MODEL = 2


class FleetObserver(Protocol):
    """Receives the events of a fleet, from several threads."""

    def started(self, name: str) -> Observer:
        """Receive that a model starts; return the observer of its run."""

    def finished(self, result: ModelResult) -> None:
        """Receive the result of a model."""


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """How to run a fleet.

    `formats` are the formats that the report needs of each model. `retries` is how often a model is checked
    again after one of its workers died.
    """

    jobs: int
    retries: int = 1
    fail_fast: bool = False
    formats: tuple[str, ...] = ()
    line: str = ""


@dataclass(kw_only=True)
class FleetRun:
    """The run of a fleet. It is mutable: after an interruption, `report` has what is done."""

    tasks: Sequence[FleetTask]
    options: FleetOptions
    pool: ForkPool
    observer: FleetObserver
    store: ResultStore | None = None
    began: float = field(default_factory=time.monotonic)
    results: dict[str, ModelResult] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _attempts: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, str | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> FleetReport:
        """Check every model; return the report.

        Raises:
            Interruption: a signal ended the run; `report` returns what is done.
        """
        open_tasks = self._without_stored()
        jobs = [Job(item=task, memory=memory_needed(task)) for task in open_tasks]
        free = free_memory()
        budget = None if free is None else int(free * _SHARE)
        self._queue = JobQueue(jobs, threads=self.options.jobs, budget=budget)
        try:
            self._queue.run(self._check)
        finally:
            self._queue.stop()
            self.pool.close()
        return self.report()

    def report(self) -> FleetReport:
        """Return the report on the models that are done."""
        with self._lock:
            results = dict(self.results)
        return FleetReport(
            results=[results[task.name] for task in self.tasks if task.name in results],
            not_run=[task.name for task in self.tasks if task.name not in results],
            notes=tuple(self.notes),
            elapsed_s=time.monotonic() - self.began,
            reproduce=self.options.line,
        )

    def _without_stored(self) -> list[FleetTask]:
        """Return the tasks that no earlier run has finished."""
        hashes: dict[str, str] = {}
        remaining = []
        for task in self.tasks:
            stored = self._stored(task, hashes)
            if stored is None:
                remaining.append(task)
            else:
                self._add(replace(stored, name=task.name))
        return remaining

    def _stored(self, task: FleetTask, hashes: dict[str, str]) -> ModelResult | None:
        if self.store is None or isinstance(task.settings, KcheckError):
            return None
        key = self._keys[task.name] = subject_key(task.settings, hashes)
        result = self.store.read(key) if key is not None else None
        return result if result is not None and {*self.options.formats} <= {*result.texts} else None

    def _check(self, task: FleetTask) -> None:
        """Check one model, in a thread of the queue."""
        attempt = self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
        start = time.monotonic()
        ending, has_died = self._ending(task)
        if self._queue.is_stopped:
            return
        if has_died and attempt <= self.options.retries:
            self._queue.add(Job(item=task, alone=True))
            return
        result = model_result(
            task.name,
            str(task.model),
            ending,
            self.options.formats,
            elapsed_s=time.monotonic() - start,
        )
        self._add(replace(result, attempts=attempt))
        self._keep(task, result)
        if self.options.fail_fast and result.exit_code:
            self._queue.stop()

    def _ending(self, task: FleetTask) -> tuple[Report | KcheckError, bool]:
        """Return the report or the error, and whether a worker died on the way."""
        settings = task.settings
        if isinstance(settings, KcheckError):
            return settings, False
        observe = self.observer.started(task.name)
        with self.pool.lease() as lease:
            try:
                line = command(settings, select=None, config=task.config)
                report = inspect(settings, line, fork_server=lease, config=task.config, observe=observe)
            except KcheckError as error:
                return error, isinstance(error, NoVerdictError)
            except Exception as error:
                what = f"internal error: {type(error).__name__}: {clean(error)}"
                return NoVerdictError(what, fix=f"{line} --debug shows the traceback"), lease.deaths > 0
            return task.annotate(report), lease.deaths > 0 or bool(report.lost)

    def _add(self, result: ModelResult) -> None:
        with self._lock:
            self.results[result.name] = result
        self.observer.finished(result)

    def _keep(self, task: FleetTask, result: ModelResult) -> None:
        """Store a result with a verdict; what has none is checked again by the next run."""
        key = self._keys.get(task.name)
        if self.store is None or key is None or result.outcome == "no-verdict":
            return
        try:
            self.store.write(key, result)
        except NoVerdictError as problem:
            with self._lock:
                if problem.what not in self.notes:
                    self.notes.append(problem.what)


def default_jobs() -> int:
    """Return how many models to check at the same time: each uses two workers."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, available // _WORKERS_OF_A_MODEL)
