"""Post-mortem: say in words how a worker's process ended."""

from __future__ import annotations

import signal

__all__ = ["describe_end"]


def describe_end(code: int, *, printed: str, log_tail: str) -> str:
    """Return how a process ended.

    Args:
        code: its exit code, or minus the signal that killed it.
        printed: what it printed since the request, as an addition to a sentence; empty if it printed nothing.
        log_tail: the last lines of the log since the request.
    """
    if code >= 0:
        return f"its process exited by itself with exit code {code}: {log_tail}"
    name = signal.Signals(-code).name
    likely = ", as happens when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{likely}{printed}"
