"""A seat in this process: a bench that holds the model itself. Nothing is sent, nothing is forked, no file is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.trace import Trace
from keras_consistency_cli.workers.child.executor import Executor, refusal
from keras_consistency_cli.workers.client import WorkerClient, WorkerError
from keras_consistency_cli.workers.deadline import Deadline

__all__ = ["InProcessClient"]


class InProcessClient(WorkerClient):
    """Asks a bench of this process; what only a worker can do is unavailable, and nothing can end or hang without ending this process too.

    Args:
        bench: what answers.
        load: the load request.
        deadline: how long all of it may take; a single answer cannot be cut short here.
        lacking: by route the reason why it cannot run here.
    """

    def __init__(
        self, bench: Executor, load: Mapping[str, Any], *, deadline: Deadline, lacking: Mapping[str, str]
    ) -> None:
        self._bench, self._load_request, self._deadline, self._lacking = bench, load, deadline, lacking
        self._sits = False
        self.unprotected = ()

    def run(self, route: str, rows: np.ndarray) -> tuple[Trace, Trace | None]:
        """Run one route on the rows of these numbers, as in a worker."""
        if route in self._lacking:
            return Trace(route=route, unavailable=self._lacking[route]), None
        return super().run(route, rows)

    def lost(self) -> str | None:
        """Never: this process is still there."""
        return None

    def terminate_all(self) -> None:
        """Nothing is left running: whoever asks waits for the answer."""

    def close(self) -> None:
        """Let the bench go, with every copy of the model that it made; safe to call twice."""
        self._bench, self._sits = Executor(), False

    @property
    def _seated(self) -> bool:
        return self._sits

    def _start_worker(self) -> None:
        self._sits = True

    def _kill(self) -> None:
        self._sits = False

    def _ask(
        self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, within: float | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        try:
            header, answers = self._bench.answer(request, arrays)
        except DataError:
            raise
        except Exception as problem:
            told = refusal(problem)
            raise WorkerError(told["error"], told["kind"]) from problem
        # As it would have been sent: details hold nothing then that JSON does not have.
        return json.loads(json.dumps(header)), answers

    def _cause_of_death(self, end: Exception) -> str:
        return str(end)
