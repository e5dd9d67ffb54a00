"""A cluster of Dask: each model is one task, checked in processes that the worker of the cluster starts.

Only paths and settings are sent: every worker must see the files under the paths of this machine. The model
never runs in the process of the worker of the cluster, so a crash ends the check of one model only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.pipeline.cluster.connection import CONNECT_S, describe_failure, turn_in_folder
from keras_consistency_cli.pipeline.fleet.machine import Machine
from keras_consistency_cli.pipeline.fleet.place import NULL_FLEET_OBSERVER, Accept, FleetOptions
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.reporting.fleet.report import ModelResult, model_result
from keras_consistency_cli.workers.fork_pool import ForkPool

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster"]


@dataclass(frozen=True, kw_only=True)
class _Assignment:
    """What a worker of the cluster gets."""

    task: FleetTask
    options: FleetOptions
    folder: str
    """The working directory, to which paths are relative."""


@dataclass
class Cluster:
    """The workers of a cluster."""

    _client: Client
    _futures: dict[Future, FleetTask] = field(default_factory=dict)
    _is_stopped: bool = False

    def check(self, tasks: Sequence[FleetTask], options: FleetOptions, accept: Accept) -> None:
        """Check every model; a task whose worker is gone is done again by a different one.

        Raises:
            NoVerdictError: the scheduler is gone.
        """
        valid = []
        for task in tasks:
            if isinstance(task.settings, KcheckError):
                accept(_failed(task, options, task.settings))
            else:
                valid.append(task)
        for result in self._results(valid, options):
            accept(result)
            if self._is_stopped:  # what follows are cancelled tasks
                break

    def _results(self, tasks: Sequence[FleetTask], options: FleetOptions) -> Iterator[ModelResult]:
        from distributed import as_completed

        folder = str(Path.cwd())
        for task in tasks:
            assignment = _Assignment(task=task, options=replace(options, jobs=1), folder=folder)
            future = self._client.submit(check_there, assignment, pure=False)
            self._futures[future] = task
        for future in as_completed(list(self._futures), loop=self._client.loop):
            task = self._futures.pop(future)
            if future.status == "finished":
                yield future.result()
            elif future.status == "error":
                yield _failed(task, options, describe_failure(future, "checked this model"))
            else:
                raise describe_failure(future, "checked this model")

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
