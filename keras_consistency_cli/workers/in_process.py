"""In-process client: an executor in this process that holds the model itself.

Nothing is forked, no file is read, and nothing is sent but to services that the caller names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.routes.targets import target_of
from keras_consistency_cli.routes.trace import Trace
from keras_consistency_cli.workers.child.executor import Executor, error_header
from keras_consistency_cli.workers.client import WorkerClient, WorkerError
from keras_consistency_cli.workers.deadline import Deadline

__all__ = ["InProcessClient"]


class InProcessClient(WorkerClient):
    """Sends requests to an executor of this process.

    Routes that need a worker are unavailable. A crash or a hang would also be one of this process.

    Args:
        executor: answers the requests.
        load_request: the request to load the subject.
        deadline: how long all of it may take; a single answer cannot be cut short here.
        unavailable: by route the reason why it cannot run here.
    """

    def __init__(
        self,
        executor: Executor,
        load_request: Mapping[str, Any],
        *,
        deadline: Deadline,
        unavailable: Mapping[str, str],
    ) -> None:
        self._executor, self._load_request, self._deadline = executor, load_request, deadline
        self._unavailable = unavailable
        self.services: Mapping[str, WorkerClient] = {}
        """By label, what asks a service; it gets its rows here, in the same thread."""
        self._started = False
        self.unprotected = ()

    def run(
        self, route: str, rows: np.ndarray, given: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Trace, Trace | None]:
        """Run one route on the rows of these numbers, as in a worker."""
        if route in self._unavailable:
            return Trace(route=route, unavailable=self._unavailable[route]), None
        service = self.services.get(target_of(route))
        if service is not None:
            return service.run(route, rows, given)
        return super().run(route, rows, given)

    def lost(self) -> str | None:
        """Return None: this process is still there."""
        return None

    def terminate_all(self) -> None:
        """Do nothing: there is no process to end."""

    def close(self) -> None:
        """Let go of the executor with every copy of the model; safe to call twice."""
        self._executor, self._started = Executor(), False

    @property
    def _is_running(self) -> bool:
        return self._started

    def _start_worker(self) -> None:
        self._started = True

    def _kill(self) -> None:
        self._started = False

    def _ask(
        self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, within: float | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        try:
            header, answers = self._executor.answer(request, arrays)
        except DataError:
            raise
        except Exception as problem:
            error = error_header(problem)
            raise WorkerError(error["error"], error["kind"], error["cause"]) from problem
        # As if it had been sent: details then hold nothing that JSON does not have.
        return json.loads(json.dumps(header)), answers

    def _cause_of_death(self, end: Exception) -> str:
        return str(end)
