"""A fleet: many models, checked where the user wants it, with a result for each and a store for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keras_consistency_cli.errors import KcheckError, NoVerdictError
from keras_consistency_cli.pipeline.fleet.differences import describe_differences
from keras_consistency_cli.pipeline.fleet.place import FleetObserver, FleetOptions, Place
from keras_consistency_cli.pipeline.fleet.store import ResultStore, subject_key
from keras_consistency_cli.pipeline.fleet.task import FleetTask
from keras_consistency_cli.reporting.fleet.report import FleetReport, ModelResult

__all__ = ["FleetRun"]


@dataclass(kw_only=True)
class FleetRun:
    """The run of a fleet. It is mutable: after an interruption, `report` has what is done."""

    tasks: Sequence[FleetTask]
    options: FleetOptions
    place: Place
    observer: FleetObserver
    store: ResultStore | None = None
    fail_fast: bool = False
    line: str = ""
    began: float = field(default_factory=time.monotonic)
    results: dict[str, ModelResult] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _keys: dict[str, str | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> FleetReport:
        """Check every model; return the report.

        Raises:
            Interruption: a signal ended the run; `report` returns what is done.
        """
        try:
            self.place.check(self._without_stored(), self.options, self._accept)
        except NoVerdictError as problem:
            self.notes.append(problem.what)
        finally:
            self.place.close()
        return self.report()

    def report(self) -> FleetReport:
        """Return the report on the models that are done."""
        with self._lock:
            results = dict(self.results)
        done = [results[task.name] for task in self.tasks if task.name in results]
        return FleetReport(
            results=done,
            not_run=[task.name for task in self.tasks if task.name not in results],
            notes=(*self.notes, *describe_differences(done)),
            elapsed_s=time.monotonic() - self.began,
            reproduce=self.line,
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

    def _accept(self, result: ModelResult) -> None:
        self._add(result)
        self._keep(result)
        if self.fail_fast and result.exit_code:
            self.place.stop()

    def _add(self, result: ModelResult) -> None:
        with self._lock:
            self.results[result.name] = result
        self.observer.finished(result)

    def _keep(self, result: ModelResult) -> None:
        """Store a result with a verdict; what has none is checked again by the next run."""
        key = self._keys.get(result.name)
        if self.store is None or key is None or result.outcome == "no-verdict":
            return
        try:
            self.store.write(key, result)
        except NoVerdictError as problem:
            with self._lock:
                if problem.what not in self.notes:
                    self.notes.append(problem.what)
