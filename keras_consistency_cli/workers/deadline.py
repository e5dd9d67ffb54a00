"""Deadline: how long one answer may take, and all answers together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

__all__ = ["Deadline"]

_START_S = 60.0
"""Least time for the import of a backend on a busy machine; `--timeout` is for answers."""


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Seconds for one answer and, if `total` is given, for the whole run.

    The run begins when this object is created.
    """

    answer: float
    total: float | None = None
    began: float = field(default_factory=time.monotonic)

    def next(self) -> float:
        """Return the time of `time.monotonic` at which an answer that is requested now is due."""
        return self._limited(time.monotonic() + self.answer)

    def start(self) -> float:
        """Return the time of `time.monotonic` at which a backend that starts now must be ready."""
        return self._limited(time.monotonic() + max(self.answer, _START_S))

    def _limited(self, end: float) -> float:
        return end if self.total is None else min(end, self.began + self.total)

    @property
    def left(self) -> float | None:
        """The seconds that are left for the whole run, None without a limit."""
        return None if self.total is None else max(self.began + self.total - time.monotonic(), 0.0)

    @property
    def over(self) -> bool:
        """Whether the whole run's time is up."""
        return self.total is not None and time.monotonic() >= self.began + self.total

    def reason(self) -> str:
        """Return why something that was not there in time was given up."""
        if self.over:
            return f"the run's time limit of {self.total:g} s is over (--total-timeout)"
        return f"no answer within {self.answer:g} s (--timeout)"
