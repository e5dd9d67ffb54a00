"""What backend and workers print: only the end of it is kept, so that a flood fills neither the disk nor memory."""

from __future__ import annotations

import os
import threading

__all__ = ["Log"]

_KEPT = 64 * 1024
_PIECE = 64 * 1024
_AT_ONCE = 64


class Log:
    """A pipe for processes to print into. Whoever made it drains it often enough that nobody who prints has to wait."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._lock = threading.Lock()
        self._kept = b""
        self.printed = 0
        """Bytes so far: a mark from which `end` can tell what came later."""

    def drain(self) -> bool:
        """Take what has been printed, though no more than a few megabytes of it; whether anybody is left who could print."""
        with self._lock:
            for _ in range(_AT_ONCE):
                try:
                    piece = os.read(self.reader, _PIECE)
                except BlockingIOError:
                    return True
                except OSError:
                    return False
                if not piece:
                    return False
                self._kept = (self._kept + piece)[-_KEPT:]
                self.printed += len(piece)
        return True

    def end(self, most: int, *, since: int = 0) -> str:
        """The last bytes that were printed, as text.

        Args:
            most: how many bytes at most.
            since: a former value of `printed`, before which nothing is of interest.
        """
        self.drain()
        new = min(self.printed - since, most)
        return self._kept[-new:].decode(errors="replace") if new > 0 else ""

    def close_writer(self) -> None:
        """Close this process's own end for printing, once those who print have theirs."""
        os.close(self.writer)

    def close(self) -> None:
        """Close the pipe; what was kept stays readable. Safe to call twice."""
        self.drain()
        with self._lock:
            if self.reader >= 0:
                os.close(self.reader)
            self.reader = -1
