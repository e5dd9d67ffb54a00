"""The messages of the backend's C++ code, which no setting of a running process switches off."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

__all__ = ["silencing_backend"]

_LOGGED = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:[\d.:]+ +\d+ \S+:\d+\] |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
)
"""The beginning of an information, warning or error of absl and of TensorFlow; fatal ones are kept."""
_STDERR = 2


@contextmanager
def silencing_backend() -> Iterator[None]:
    """Keep lines that the backend logs from standard error; all other lines are written when it ends."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # the process has no standard error
        yield
        return
    try:
        with tempfile.TemporaryFile() as log:
            _flush()
            os.dup2(log.fileno(), _STDERR)
            try:
                yield
            finally:
                _flush()
                os.dup2(kept, _STDERR)
                _write_others(log)
    finally:
        os.close(kept)


def _flush() -> None:
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.flush()


def _write_others(log: IO[bytes]) -> None:
    log.seek(0)
    for line in log:
        if not _LOGGED.match(line):
            os.write(_STDERR, line)
