"""Progress: one line on a terminal's standard error that says what the run does.

The line overwrites itself, and nothing is left of it when the report follows.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.text import clean, format_count

__all__ = ["is_watched", "shown_on"]

_WIDEST = 78


@contextmanager
def shown_on(stream: TextIO | None, environ: Mapping[str, str], *, quiet: bool = False) -> Iterator[Observer]:
    """Give an observer that shows progress on a terminal, and erase its line at the end.

    Args:
        stream: standard error; only a terminal is written to.
        environ: the environment; with CI or TERM=dumb nothing is shown.
        quiet: whether the user asked for silence.
    """
    if not is_watched(stream, environ, quiet=quiet) or stream is None:
        yield NULL_OBSERVER
        return
    line = _ProgressLine(stream)
    try:
        yield line
    finally:
        line.erase()


def is_watched(stream: TextIO | None, environ: Mapping[str, str], *, quiet: bool) -> bool:
    """Whether a person watches the stream: a terminal, outside CI, and without --quiet."""
    if quiet or stream is None or stream.closed or not stream.isatty():
        return False
    return not environ.get("CI") and environ.get("TERM") != "dumb"


class _ProgressLine:
    """One line that each event overwrites; routes finish in several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._start, self._lock, self._open = stream, time.monotonic(), threading.Lock(), True
        # One column stays free: some terminals break a line that fills the last one.
        self._width = min(_columns(stream) - 2, _WIDEST)

    def __call__(self, activity: str, /) -> None:
        """Show what the run does next, after the elapsed seconds."""
        with self._lock:
            seconds = f"{time.monotonic() - self._start:4.0f} s"
            line = _cut(f"{seconds}  {clean(activity, 1000)}", self._width)
            self._write(f"\r{line:<{self._width}}")

    def route_finished(self, _name: str, summary: str, done: int, total: int, /) -> None:
        """Show which route has finished, and how many have."""
        self(f"{done} of {format_count(total, 'route')} finished: {summary}")

    def erase(self) -> None:
        """Erase the line and show nothing more."""
        with self._lock:
            self._write(f"\r{'':<{self._width}}\r")
            self._open = False

    def _write(self, text: str) -> None:
        if self._open:
            # A terminal that is gone must not end a run that writes its report elsewhere.
            with suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()


def _cut(line: str, width: int) -> str:
    """Return the line, or as many of its words as fit, followed by an ellipsis."""
    if len(line) <= width:
        return line
    kept, _, _ = line[: width - 1].rpartition(" ")
    return f"{kept.rstrip()} …"


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDEST + 2
    except (OSError, ValueError):
        return _WIDEST + 2
