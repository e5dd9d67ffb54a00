"""Progress: what a run is doing and for how long, on one line of a terminal's standard error that is gone when the report comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from keras_consistency_cli.text import clean

__all__ = ["Observer", "nobody", "shown_on"]

Observer = Callable[[str], None]
"""Told in a few words what comes next."""

_WIDTH = 78


def nobody(_doing: str) -> None:
    """Watch nothing."""


@contextmanager
def shown_on(stream: TextIO | None, environ: Mapping[str, str], *, quiet: bool = False) -> Iterator[Observer]:
    """Give an observer that shows what it is told, and wipe its line at the end; one that shows nothing where nobody watches.

    Args:
        stream: standard error; only a terminal is written to.
        environ: the environment; CI and TERM=dumb mean that nobody watches.
        quiet: whether the user asked for silence.
    """
    if quiet or stream is None or stream.closed or not stream.isatty() or environ.get("CI") or environ.get("TERM") == "dumb":
        yield nobody
        return
    line = _Line(stream)
    try:
        yield line.show
    finally:
        line.wipe()


class _Line:
    """The line; routes are told from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._start, self._lock, self._open = stream, time.monotonic(), threading.Lock(), True

    def show(self, doing: str) -> None:
        """Put this into the line, after the seconds that have gone by."""
        self._write(f"{time.monotonic() - self._start:4.0f} s  {clean(doing, _WIDTH - 8)}"[:_WIDTH])

    def wipe(self) -> None:
        """Leave the line empty, and say no more."""
        self._write("")
        self._open = False

    def _write(self, text: str) -> None:
        with self._lock:
            if self._open:
                self._stream.write(f"\r{text:<{_WIDTH}}\r" if not text else f"\r{text:<{_WIDTH}}")
                self._stream.flush()
