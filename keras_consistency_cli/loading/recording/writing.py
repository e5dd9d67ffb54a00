"""Writing a recording: whole or not at all, one file for each process of a service, in bounded disk space."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_consistency_cli.loading.recording.arrays import Arrays, shapes_of
from keras_consistency_cli.loading.recording.sample import Request
from keras_consistency_cli.measurement.recording_layout import PARTS, REQUEST, REQUEST_ROWS, part_name

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where services do not fork
    fcntl = None  # type: ignore[assignment]

__all__ = ["MAX_FILES", "Destination", "write_requests"]

MAX_FILES = 16
"""Processes of one service that record at the same time; further ones record nothing."""
_taken: set[tuple[int, str, int]] = set()
_taken_lock = threading.Lock()


class Destination:
    """The file of one process: the named one, or one with a number if a different process has it."""

    def __init__(self, path: Path) -> None:
        self._named = path.absolute()
        self._lock_file: int | None = None
        self._path: Path | None = None

    @property
    def path(self) -> Path | None:
        """The file of this process, claimed at the first use; None if there are too many processes."""
        if self._path is None:
            slot = next((slot for slot in range(MAX_FILES) if self._claim(slot)), None)
            if slot is not None:
                stem, ending = self._named.stem, self._named.suffix
                self._path = self._named if slot == 0 else self._named.with_name(f"{stem}-{slot}{ending}")
        return self._path

    def _claim(self, slot: int) -> bool:
        """Take a number for as long as this process lives: locks end with it, however it ends."""
        key = (os.getpid(), str(self._named), slot)
        with _taken_lock:
            if key in _taken:
                return False
            if fcntl is not None:
                if self._lock_file is None:
                    lock = self._named.with_name(f".{self._named.name}.lock")
                    self._lock_file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
                except OSError:
                    return False
            _taken.add(key)
            return True


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    """Write the requests; a reader sees the previous file or this one, never a part."""
    arrays = _joined(requests)
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    temporary.replace(path)


def _joined(requests: Sequence[Request]) -> Arrays:
    with_raw = [request for request in requests if request.raw is not None]
    chosen = _alike(with_raw or requests)
    sizes = [request.rows for request in chosen]
    joined = {
        REQUEST: np.repeat(np.array([request.number for request in chosen], np.int64), sizes),
        REQUEST_ROWS: np.repeat(np.array([request.size for request in chosen], np.int64), sizes),
    }
    for part in PARTS:
        arrays: list[Arrays] = [getattr(request, part) or {} for request in chosen]
        for name in arrays[0]:
            joined[part_name(part, name)] = np.concatenate([each[name] for each in arrays])
    return joined


def _alike(requests: Sequence[Request]) -> list[Request]:
    """The requests whose rows have the shape of most of them, so that one array holds them."""
    kinds = [
        (shapes_of(request.served), shapes_of(request.outputs), shapes_of(request.raw or {}))
        for request in requests
    ]
    most = max(dict.fromkeys(kinds), key=kinds.count)
    return [request for request, kind in zip(requests, kinds, strict=True) if kind == most]
