"""How much a service is asked: a number of requests, and so many in a second."""

from __future__ import annotations

import threading
import time
from collections import deque

from keras_consistency_cli.workers.endpoints.errors import SpentError

__all__ = ["BURST", "PER_SECOND", "Budget"]

PER_SECOND = 20
BURST = 8
"""Requests that may be under way at the same time."""


class Budget:
    """The requests that are left for one service."""

    def __init__(self, requests: int) -> None:
        self._left = self._most = requests
        self._sent: deque[float] = deque(maxlen=PER_SECOND)
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """The number of requests so far."""
        return self._most - self._left

    def spend(self) -> None:
        """Wait until one more request may be sent.

        Raises:
            SpentError: none is left.
        """
        with self._lock:
            if self._left <= 0:
                raise SpentError(f"{self._most} requests are spent (--endpoint-requests)")
            self._left -= 1
            now = time.monotonic()
            wait = self._sent[0] + 1.0 - now if len(self._sent) == PER_SECOND else 0.0
            self._sent.append(now + max(wait, 0.0))
        if wait > 0:
            time.sleep(wait)
