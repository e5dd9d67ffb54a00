"""A cluster of Dask: each task is a few chunks of rows, measured in processes that the worker starts.

Only settings and row numbers are sent: every worker must see the files under the paths of this machine. The
model never runs in the process of the worker of the cluster.
"""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.measurement.facts import Decision
from keras_consistency_cli.measurement.installed import installed_version
from keras_consistency_cli.pipeline.cluster.connection import CONNECT_S, describe_failure, turn_in_folder
from keras_consistency_cli.pipeline.collector import EvidenceCollector
from keras_consistency_cli.pipeline.environment import describe_cpu, list_different
from keras_consistency_cli.pipeline.plan import Plan, route_table
from keras_consistency_cli.pipeline.streaming.chunk import ChunkEvidence
from keras_consistency_cli.pipeline.streaming.place import Stream, in_order, measure_reliably
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject, start_up
from keras_consistency_cli.workers.deadline import Deadline

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["ClusterWorkers"]

_CHUNKS_PER_TASK = 8
_TASKS_PER_WORKER = 2
"""Tasks that are computed or wait, so that no worker waits for the next one."""
_PACKAGES = ("keras", "numpy", "scikit-learn")
_opened: dict[str, tuple[contextlib.ExitStack, EvidenceCollector]] = {}
"""By run, the workers that this process of the cluster has started; at most one run."""


@dataclass(frozen=True, kw_only=True)
class _Assignment:
    """What each task of a run gets. `folder` is the working directory, to which paths are relative."""

    run: str
    settings: Settings
    decisions: Mapping[str, Decision | None]
    folder: str


@dataclass
class ClusterWorkers:
    """The workers of a cluster."""

    client: Client
    settings: Settings
    _run: str = field(default_factory=lambda: uuid.uuid4().hex)

    def measure(
        self, subject: LoadedSubject, collector: EvidenceCollector, chunks: Iterable[np.ndarray]
    ) -> Stream:
        """Yield the evidence of each chunk, in the order of the chunks.

        Raises:
            NoVerdictError: the scheduler is gone, or a task ended several workers.
        """
        assignment = _Assignment(
            run=self._run,
            settings=_with_time_left(self.settings, subject.deadline),
            decisions=collector.decisions,
            folder=str(Path.cwd()),
        )
        workers = max(1, len(self.client.scheduler_info()["workers"]))

        def submit(few: Sequence[np.ndarray]) -> _Task:
            return _Task(self.client.submit(measure_there, assignment, few, pure=False))

        for measured in in_order(submit, _grouped(chunks), at_once=workers * _TASKS_PER_WORKER):
            yield from measured

    def notes(self) -> Iterable[str]:
        """Return the versions and processors that are not the same on all workers and this machine."""
        machines = [describe_machine(), *self.client.run(describe_machine).values()]
        for key in machines[0]:
            listed = list_different(Counter(machine[key] for machine in machines), "machine")
            if listed:
                yield f"not all machines that measured rows have the same {key}: {listed}"

    def close(self) -> None:
        """End the workers of this run on the cluster, and leave it; safe to call twice."""
        with contextlib.suppress(Exception):
            self.client.run(close_there, self._run)
        with contextlib.suppress(Exception):
            self.client.close(timeout=CONNECT_S)


@dataclass(frozen=True)
class _Task:
    """A task of the cluster."""

    future: Future

    def result(self) -> list[ChunkEvidence]:
        """Wait for the evidence of its chunks.

        Raises:
            KcheckError: a worker could not open the files, or nothing answers.
        """
        try:
            evidence: list[ChunkEvidence] = self.future.result()
        except KcheckError:
            raise
        except Exception:
            raise describe_failure(self.future, "measured rows") from None
        return evidence


def _grouped(chunks: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    rest = iter(chunks)
    while few := list(islice(rest, _CHUNKS_PER_TASK)):
        yield few


def _with_time_left(settings: Settings, deadline: Deadline) -> Settings:
    if deadline.left is None:
        return settings
    return settings.model_copy(update={"total_timeout": max(deadline.left, 0.001)})


def describe_machine() -> dict[str, str]:
    """Return what can change the rounding of this machine: versions of packages, and the processor."""
    versions = {name: installed_version(name) or "" for name in _PACKAGES}
    return {**versions, "cpu": describe_cpu()}


def measure_there(assignment: _Assignment, chunks: Sequence[np.ndarray]) -> list[ChunkEvidence]:
    """Measure chunks in a process of the cluster, with the working directory of the caller."""
    with turn_in_folder(assignment.folder):
        collector = _open(assignment)
        return [measure_reliably(collector, chunk) for chunk in chunks]


def _open(assignment: _Assignment) -> EvidenceCollector:
    """Return the collector of a run, whose workers start with its first task in this process."""
    if assignment.run not in _opened:
        close_there()
        settings, stack = assignment.settings, contextlib.ExitStack()
        plan = Plan.of(selected(settings), route_table(settings)).streaming()
        subject = stack.enter_context(start_up(settings, plan))
        collector = EvidenceCollector(
            plan=plan,
            facts=subject.facts,
            policy=settings.policy(),
            clients=subject.clients,
            decisions=dict(assignment.decisions),
        )
        _opened[assignment.run] = (stack, collector)
    return _opened[assignment.run][1]


def close_there(run: str | None = None) -> None:
    """End the workers that this process of the cluster started for a run, or for any run."""
    for name in [name for name in _opened if run in (None, name)]:
        stack, _ = _opened.pop(name)
        stack.close()
