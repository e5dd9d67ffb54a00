"""One machine: models are checked by workers that are forked from the same fork servers.

A crash, a hang or an unreadable file ends the check of one model only. If a worker of a model died, the model
is checked once more at the end, with nothing else running: other models may have taken the memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keras_consistency_cli.errors import KcheckError, NoVerdictError
from keras_consistency_cli.pipeline.fleet.place import Accept, FleetObserver, FleetOptions
from keras_consistency_cli.pipeline.fleet.queue import Job, JobQueue
from keras_consistency_cli.pipeline.fleet.task import FleetTask, memory_needed
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting.fleet.report import model_result
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.reporting.reproducer import command
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.fork_pool import ForkPool
from keras_consistency_cli.workers.supervision.memory import free_memory

__all__ = ["Machine", "default_jobs"]

_SHARE = 0.8
"""The part of the free memory that models may use together; the watchdog ends a worker at a higher one."""
_WORKERS_OF_A_MODEL = 2


@dataclass(kw_only=True)
class Machine:
    """This machine, with a pool of fork servers. It is mutable: it counts the attempts of each model."""

    pool: ForkPool
    observer: FleetObserver
    _attempts: dict[str, int] = field(default_factory=dict)
    _queue: JobQueue[FleetTask] | None = None

    def check(self, tasks: Sequence[FleetTask], options: FleetOptions, accept: Accept) -> None:
        """Check every model: the largest first, as long as all that run fit into memory together."""
        jobs = [Job(item=task, memory=memory_needed(task)) for task in tasks]
        free = free_memory()
        budget = None if free is None else int(free * _SHARE)
        queue = self._queue = JobQueue(jobs, threads=options.jobs, budget=budget)
        try:
            queue.run(lambda task: self._check(task, options, accept, queue))
        finally:
            queue.stop()

    def stop(self) -> None:
        """Start no more models, and accept no more results."""
        if self._queue is not None:
            self._queue.stop()

    def close(self) -> None:
        """End every worker; safe to call twice."""
        self.stop()
        self.pool.close()

    def _check(
        self, task: FleetTask, options: FleetOptions, accept: Accept, queue: JobQueue[FleetTask]
    ) -> None:
        """Check one model, in a thread of the queue."""
        attempt = self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
        start = time.monotonic()
        ending, has_died = self._ending(task)
        if queue.is_stopped:
            return
        if has_died and attempt <= options.retries:
            queue.add(Job(item=task, alone=True))
            return
        elapsed = time.monotonic() - start
        result = model_result(task.name, str(task.model), ending, options.formats, elapsed_s=elapsed)
        accept(replace(result, attempts=attempt))

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


def default_jobs() -> int:
    """Return how many models to check at the same time: each uses two workers."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, available // _WORKERS_OF_A_MODEL)
