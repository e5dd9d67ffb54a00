"""Progress: what a run is doing and for how long, and what it has found so far; on a terminal's standard
error, and gone when the report comes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

from keras_consistency_cli.pipeline.observer import NULL_OBSERVER, Observer
from keras_consistency_cli.text import clean

__all__ = ["shown_on"]

_WIDEST = 78


@contextmanager
def shown_on(stream: TextIO | None, environ: Mapping[str, str], *, quiet: bool = False) -> Iterator[Observer]:
    """Give an observer that shows what it is told, one that shows nothing where nobody watches; all of it is
    wiped at the end.

    Where a run is broken off, what was found stays.

    Args:
        stream: standard error; only a terminal is written to.
        environ: the environment; CI and TERM=dumb mean that nobody watches.
        quiet: whether the user asked for silence.
    """
    if (
        quiet
        or stream is None
        or stream.closed
        or not stream.isatty()
        or environ.get("CI")
        or environ.get("TERM") == "dumb"
    ):
        yield NULL_OBSERVER
        return
    lines = _Lines(stream)
    try:
        yield lines
    except BaseException:
        # No report comes that would tell it again.
        lines.wipe(keep_found=True)
        raise
    lines.wipe()


class _Lines:
    """What was found, line by line, and below it what is being done; routes are told from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._start, self._lock, self._open = stream, time.monotonic(), threading.Lock(), True
        # One column stays free: a terminal that breaks a full line would be one line further down than is
        # known here.
        self._width, self._found, self._doing = min(_columns(stream) - 2, _WIDEST), 0, ""

    def __call__(self, doing: str, /) -> None:
        """Put this into the last line, after the seconds that have gone by."""
        with self._lock:
            self._doing = self._fitted(
                f"{time.monotonic() - self._start:4.0f} s  {clean(doing, self._width)}"
            )
            self._write(f"\r{self._doing:<{self._width}}")

    def found(self, words: str, /) -> None:
        """Put this into a line of its own above the last one."""
        with self._lock:
            self._found += 1
            self._write(
                f"\r{self._fitted(clean(words, self._width)):<{self._width}}\n{self._doing:<{self._width}}"
            )

    def wipe(self, *, keep_found: bool = False) -> None:
        """Leave nothing, or nothing but what was found, and say no more."""
        with self._lock:
            up = f"\x1b[{self._found}A\x1b[J" if self._found and not keep_found else ""
            self._write(f"\r{'':<{self._width}}\r{up}")
            self._open = False

    def _fitted(self, text: str) -> str:
        return text[: self._width]

    def _write(self, text: str) -> None:
        if self._open:
            # A terminal that is gone is no reason to end a run that writes its report elsewhere.
            with suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDEST + 2
    except (OSError, ValueError):
        return _WIDEST + 2
