"""Log: the end of what the backend and workers print.

Only the end is kept, so that a flood of output fills neither the disk nor memory.
"""

from __future__ import annotations

import os
import threading

__all__ = ["Log"]

_KEPT = 64 * 1024
_PIECE = 64 * 1024
_PIECES_AT_ONCE = 64


class Log:
    """A pipe for processes to print into; it must be drained so that none has to wait."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._lock = threading.Lock()
        self._kept = b""
        self.printed = 0
        """Bytes so far; `tail` can begin at an earlier value."""

    def drain(self) -> bool:
        """Read what has been printed, a few megabytes at most; return whether more may follow."""
        with self._lock:
            for _ in range(_PIECES_AT_ONCE):
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

    def tail(self, most: int, *, since: int = 0) -> str:
        """Return the last bytes that were printed, as text.

        Args:
            most: how many bytes at most.
            since: an earlier value of `printed`; what was printed before is left out.
        """
        self.drain()
        new = min(self.printed - since, most)
        return self._kept[-new:].decode(errors="replace") if new > 0 else ""

    def close_writer(self) -> None:
        """Close this process's own end for printing, once the printing processes have theirs."""
        os.close(self.writer)

    def close(self) -> None:
        """Close the pipe; what was kept stays readable. Safe to call twice."""
        self.drain()
        with self._lock:
            if self.reader >= 0:
                os.close(self.reader)
            self.reader = -1
