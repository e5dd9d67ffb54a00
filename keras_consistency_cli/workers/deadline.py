"""How long answers may take: each one, and all of them together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

__all__ = ["Deadline"]

_START_S = 60.0
"""What importing a backend may take at the least, on a busy machine too: `--timeout` is about answers."""


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Time for one answer and, where `total` is given, for the whole run; both in seconds, the run's beginning with this object."""

    answer: float
    total: float | None = None
    began: float = field(default_factory=time.monotonic)

    def next(self) -> float:
        """The moment of `time.monotonic` by which an answer that is asked for now must be there."""
        ends = time.monotonic() + self.answer
        return ends if self.total is None else min(ends, self.began + self.total)

    def start(self) -> float:
        """The moment of `time.monotonic` by which a backend that is being imported must be there."""
        ends = time.monotonic() + max(self.answer, _START_S)
        return ends if self.total is None else min(ends, self.began + self.total)

    @property
    def over(self) -> bool:
        """Whether the whole run's time is up."""
        return self.total is not None and time.monotonic() >= self.began + self.total

    def words(self) -> str:
        """Why something that was not there in time was given up."""
        if self.over:
            return f"the run's {self.total:g} s were over (--total-timeout)"
        return f"no answer within {self.answer:g} s (--timeout)"
