"""A cluster of Dask: each model is one task, checked in processes that the worker of the cluster starts.

Only paths and settings are sent, and every worker must see the files under the paths of this machine; or the
files are sent too. The model never runs in the process of the worker of the cluster, so a crash ends the
check of one model only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.pipeline.cluster.connection import CONNECT_S, describe_failure, turn_in_folder
from keras_consistency_cli.pipeline.files.sent import send_files
from keras_consistency_cli.pipeline.fleet.machine import Machine
from keras_consistency_cli.pipeline.fleet.place import NULL_FLEET_OBSERVER, Accept, FleetOptions
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.reporting.fleet.report import ModelResult, model_result
from keras_consistency_cli.workers.fork_pool import ForkPool

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster"]

_TASKS_PER_THREAD = 2
"""Tasks with files that are checked or wait at each worker."""


@dataclass(frozen=True, kw_only=True)
class _Assignment:
    """What a worker of the cluster gets."""

    task: FleetTask
    options: FleetOptions
    folder: str
    """The working directory, to which paths are relative; that of the worker if files are sent."""


@dataclass
class Cluster:
    """The workers of a cluster; `sends_files` for those that do not see the files of this machine."""

    _client: Client
    sends_files: bool = False
    _futures: dict[Future, FleetTask] = field(default_factory=dict)
    _is_stopped: bool = False

    def check(self, tasks: Sequence[FleetTask], options: FleetOptions, accept: Accept) -> None:
        """Check every model; a task whose worker is gone is done again by a different one.

        Raises:
            NoVerdictError: the scheduler is gone.
        """
        for result in self._results(self._ready(tasks, options, accept), options):
            accept(result)
            if self._is_stopped:  # what follows are cancelled tasks
                break

    def _ready(
        self, tasks: Sequence[FleetTask], options: FleetOptions, accept: Accept
    ) -> Iterator[FleetTask]:
        """Yield the tasks to submit, with their files when they are needed; accept the errors of others."""
        for task in tasks:
            settings = task.settings
            try:
                if isinstance(settings, KcheckError):
                    raise settings
                ready = replace(task, settings=send_files(settings)) if self.sends_files else task
            except KcheckError as error:
                accept(_failed(task, options, error))
            else:
                yield ready

    def _results(self, ready: Iterator[FleetTask], options: FleetOptions) -> Iterator[ModelResult]:
        from distributed import as_completed

        first = islice(ready, self._at_once())
        futures = as_completed([self._submit(task, options) for task in first], loop=self._client.loop)
        for future in futures:
            task = self._futures.pop(future)
            if future.status == "finished":
                yield future.result()
            elif future.status == "error":
                yield _failed(task, options, describe_failure(future, "checked this model"))
            else:
                raise describe_failure(future, "checked this model")
            for more in islice(ready, 1):
                futures.add(self._submit(more, options))

    def _at_once(self) -> int | None:
        """Return how many tasks are submitted at a time: None for all, unless the scheduler holds files."""
        return _TASKS_PER_THREAD * sum(self._client.nthreads().values()) if self.sends_files else None

    def _submit(self, task: FleetTask, options: FleetOptions) -> Future:
        from dask import config

        folder = "." if self.sends_files else str(Path.cwd())
        assignment = _Assignment(task=task, options=replace(options, jobs=1), folder=folder)
        # Dask warns of large tasks, for which it offers nothing that a killed worker does not lose.
        with config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            future = self._client.submit(check_there, assignment, pure=False)
        self._futures[future] = task
        return future

    def stop(self) -> None:
        """Start no more models, and accept no more results."""
        self._is_stopped = True
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._futures))

    def close(self) -> None:
        """Cancel what runs, and leave the cluster; safe to call twice."""
        self.stop()
        with contextlib.suppress(Exception):
            self._client.close(timeout=CONNECT_S)


def _failed(task: FleetTask, options: FleetOptions, error: KcheckError) -> ModelResult:
    return model_result(task.name, str(task.model), error, options.formats, elapsed_s=0.0)


def check_there(assignment: _Assignment) -> ModelResult:
    """Check one model in a process of the cluster, with the working directory of the caller."""
    results: list[ModelResult] = []
    with turn_in_folder(assignment.folder):
        machine = Machine(pool=_pool(assignment.folder), observer=NULL_FLEET_OBSERVER)
        machine.check([assignment.task], assignment.options, results.append)
    return results[0]


@cache
def _pool(_folder: str) -> ForkPool:
    """The fork servers of this process: the backend is imported once; they start in the working directory."""
    return ForkPool()
