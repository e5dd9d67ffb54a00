"""Scratch directory: the folder that a run's processes may write to.

It is removed at the end of the run, or by the next run if this one is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.text import clean

__all__ = ["ScratchDir", "sweep"]

_PREFIX = "kcheck-"
_NAME = re.compile(r"kcheck-[a-z0-9_]{8}")
_LOCK = ".run"
_AT_ONCE = 20


class ScratchDir:
    """A new folder for temporary files, with a lock that shows that its run is alive.

    The kernel releases the lock when the run ends.

    Raises:
        NoVerdictError: there is no folder for temporary files, or it is full.
    """

    def __init__(self) -> None:
        self._lock = -1
        while self._lock < 0:
            self.path, self._lock = _create()
            if not self.path.is_dir():
                # Another run removed it as an old one, in the moment before it was locked.
                self._unlock()

    def remove(self) -> None:
        """Remove the folder with its content; safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def _create() -> tuple[Path, int]:
    """Create a folder and lock it; leave nothing if that fails half-way."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        return folder, _lock_folder(folder)
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        what = f"no folder for temporary files can be created: {clean(error.strerror or error)}"
        raise NoVerdictError(
            what, fix="free some space, or set TMPDIR to a folder that you may write to"
        ) from error


def _lock_folder(folder: Path) -> int:
    """Lock a folder; return the descriptor that holds the lock.

    On a file system without locks, other runs do not remove the folder.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with contextlib.suppress(OSError):
            (folder / _LOCK).unlink()
    return descriptor


def sweep() -> list[str]:
    """Remove the folders of this user's dead runs, a few at a time; return their names.

    A folder stays if it belongs to another user, has no lock, or its lock is held.
    """
    with contextlib.suppress(OSError):
        folders = sorted(path for path in Path(tempfile.gettempdir()).iterdir() if _NAME.fullmatch(path.name))
        return [path.name for path in folders[:_AT_ONCE] if _remove_dead(path)]
    return []


def _remove_dead(folder: Path) -> bool:
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return not folder.exists()
