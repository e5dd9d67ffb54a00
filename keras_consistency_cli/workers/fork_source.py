"""Fork source: where a run gets its workers from, a fork server of its own or a shared one."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

__all__ = ["ForkSource"]


class ForkSource(Protocol):
    """Forks workers and watches them; a context manager that ends them. See `ForkServer`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(
        self, environment: Mapping[str, str], *, memory_limit: float | None = None, isolated: bool = True
    ) -> None:
        """Let the process import the backend."""

    def fork(self, *, deadline: float | None = None, scales: bool = False) -> tuple[int, socket.socket]:
        """Fork a worker."""

    @property
    def largest_answer(self) -> int:
        """Greatest size of a worker's answer in bytes."""

    @property
    def printed(self) -> int:
        """How many bytes the processes have printed."""

    def memory_exceeded(self, child: int) -> str | None:
        """Return why a worker was ended for its memory."""

    def wait_for(self, child: int) -> int:
        """Wait for a worker to end."""

    def lost(self) -> str | None:
        """Return that the process ended unexpectedly."""

    def log_tail(self, lines: int = 3, *, since: int = 0) -> str:
        """Return the last lines that were printed."""

    def close(self) -> None:
        """End all workers of this source."""
