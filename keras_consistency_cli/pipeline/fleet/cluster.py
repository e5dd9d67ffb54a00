"""A cluster of Dask: each model is one task, checked in processes that the worker of the cluster starts.

Only paths and settings are sent: every worker must see the files under the paths of this machine. The model
never runs in the process of the worker of the cluster, so a crash ends the check of one model only.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.errors import KcheckError, NoVerdictError, UsageError
from keras_consistency_cli.pipeline.fleet.machine import Machine
from keras_consistency_cli.pipeline.fleet.place import NULL_FLEET_OBSERVER, Accept, FleetOptions
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.reporting.fleet.report import ModelResult, model_result
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.fork_pool import ForkPool

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster", "connect"]

_CONNECT_S = 10.0
_turn = threading.Lock()
"""One model at a time in each process of the cluster: the working directory belongs to the process."""


@dataclass(frozen=True, kw_only=True)
class _Assignment:
    """What a worker of the cluster gets."""

    task: FleetTask
    options: FleetOptions
    folder: str
    """The working directory, to which paths are relative."""


def connect(address: str | None, file: Path | None = None) -> Cluster:
    """Connect to the scheduler of a cluster.

    Args:
        address: such as tcp://host:8786.
        file: the file that `dask scheduler --scheduler-file` wrote, instead of an address.

    Raises:
        UsageError: distributed is not installed, nothing answers, there are no workers, or one of them does
            not have this version of kcheck.
    """
    shown = f"--scheduler {clean(address, 100)}" if address else f"--scheduler-file {clean(file, 100)}"
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            f"{shown} needs the package distributed", fix="pip install 'keras-consistency-cli[cluster]'"
        ) from None
    if file is not None and not file.is_file():
        raise UsageError(f"{shown}: no such file")
    try:
        client = Client(
            address,
            scheduler_file=None if file is None else str(file),
            timeout=_CONNECT_S,
            set_as_default=False,
        )
    except Exception as error:  # an address that is not valid, and a scheduler that is not there
        reason = clean(f"{type(error).__name__}: {error}", 160)
        raise UsageError(
            f"{shown}: no scheduler answers ({reason})", expected="the address of a running `dask scheduler`"
        ) from None
    try:
        _check_workers(client, shown)
    except BaseException:
        client.close()
        raise
    return Cluster(client)


def _check_workers(client: Client, shown: str) -> None:
    try:
        versions: Mapping[str, str] = client.run(installed_kcheck)
    except Exception as error:
        reason = clean(f"{type(error).__name__}: {error}", 160)
        raise UsageError(f"{shown}: a worker has no kcheck ({reason})", fix=_same_everywhere()) from None
    if not versions:
        raise UsageError(f"{shown}: the cluster has no workers", fix="start one: dask worker ADDRESS")
    for worker, version in sorted(versions.items()):
        if version != __version__:
            raise UsageError(
                f"{shown}: {clean(worker, 80)} has kcheck {clean(version, 40)}, not {__version__}",
                fix=_same_everywhere(),
            )


def _same_everywhere() -> str:
    return f"install keras-consistency-cli {__version__} on every worker"


def installed_kcheck() -> str:
    """Return the version of kcheck; called on every worker of the cluster."""
    return __version__


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
                yield _failed(task, options, _describe(future.exception()))
            else:
                raise NoVerdictError("the scheduler of the cluster is gone")

    def stop(self) -> None:
        """Start no more models, and accept no more results."""
        self._is_stopped = True
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._futures))

    def close(self) -> None:
        """Cancel what runs, and leave the cluster; safe to call twice."""
        self.stop()
        with contextlib.suppress(Exception):
            self._client.close(timeout=_CONNECT_S)


def _describe(error: BaseException) -> NoVerdictError:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return NoVerdictError("several workers of the cluster ended while they checked this model")
    return NoVerdictError(f"the worker of the cluster failed: {type(error).__name__}: {clean(error, 300)}")


def _failed(task: FleetTask, options: FleetOptions, error: KcheckError) -> ModelResult:
    return model_result(task.name, str(task.model), error, options.formats, elapsed_s=0.0)


def check_there(assignment: _Assignment) -> ModelResult:
    """Check one model in a process of the cluster, with the working directory of the caller."""
    results: list[ModelResult] = []
    with _turn, contextlib.chdir(assignment.folder):
        machine = Machine(pool=_pool(assignment.folder), observer=NULL_FLEET_OBSERVER)
        machine.check([assignment.task], assignment.options, results.append)
    return results[0]


@cache
def _pool(_folder: str) -> ForkPool:
    """The fork servers of this process: the backend is imported once; they start in the working directory."""
    return ForkPool()
