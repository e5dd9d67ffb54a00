"""Files behind URLs: copied with fsspec, which is imported only here.

A copy has exactly the size that the storage states; if it states none, the free disk is the limit.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from keras_consistency_cli.errors import KcheckError, NoVerdictError, UsageError
from keras_consistency_cli.loading.images import IMAGE_ENDINGS
from keras_consistency_cli.loading.rows.shards import SHARD_ENDINGS
from keras_consistency_cli.pipeline.observer import Observer
from keras_consistency_cli.text import clean, format_bytes, format_count
from keras_consistency_cli.workers.deadline import Deadline

__all__ = ["copy_url"]

_BLOCK = 2**22
_KEPT = 2**28
"""Bytes of the disk that stay free, for what workers write."""
_DEPTH = 2
"""A folder of images has one folder for each class."""
_EXPECTED = f"a file, or a folder with {', '.join((*SHARD_ENDINGS, *IMAGE_ENDINGS))} files"


@dataclass(frozen=True, kw_only=True)
class _RemoteFile:
    """A file of a storage.

    `place` is its name there, `name` that of the copy in its folder, and `size` its bytes if they are known.
    """

    place: str
    name: str
    size: int | None


def copy_url(url: str, copy: Path, deadline: Deadline, observe: Observer) -> None:
    """Copy a file, or the rows in a folder.

    Args:
        url: from `parse_url`.
        copy: a path for the copy, in a folder that exists.
        deadline: the time limits of the run.
        observe: receives how much is copied.

    Raises:
        UsageError: it does not exist, holds no rows, may not be read, or a package is missing.
        NoVerdictError: the storage does not answer, the disk is too small, or the time is over.
    """
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def act() -> None:
        try:
            _copy(url, copy, deadline, observe)
            ended.put(None)
        except BaseException as error:  # raised below, in the thread that waits
            ended.put(error)

    # Nothing else ends the wait for a storage that does not answer.
    threading.Thread(target=act, name="copy", daemon=True).start()
    try:
        error = ended.get(timeout=deadline.left)
    except Empty:
        raise _too_late(url, deadline) from None
    if error is not None:
        raise error


def _copy(url: str, copy: Path, deadline: Deadline, observe: Observer) -> None:
    with _explaining(url):
        storage, place = _open_storage(url)
        files = _list_files(storage, place, url)
        size = sum(file.size or 0 for file in files)
        free = max(shutil.disk_usage(copy.parent).free - _KEPT, 0)
        if size > free:
            raise _too_large(url, size, free)
        amount = f"{format_count(len(files), 'file')}{f', {format_bytes(size)}' if size else ''}"
        observe(f"copying {clean(url, 60)} ({amount})")
        for file in files:
            target = copy / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            free -= _copy_file(storage, file, target, free, url, deadline)


def _open_storage(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UsageError(
            f"{clean(url)} needs the package fsspec", fix="pip install 'keras-consistency-cli[remote]'"
        ) from None
    storage, place = url_to_fs(url)
    storage.invalidate_cache()  # an earlier run of this process may have listed other files
    return storage, place


def _list_files(storage: Any, place: str, url: str) -> list[_RemoteFile]:
    """Return the file, or those in a folder that kcheck reads there: files of rows, otherwise images."""
    if not url.endswith("/"):
        info = storage.info(place)
        if info["type"] != "directory":
            return [_RemoteFile(place=place, name="", size=info.get("size"))]
    found = storage.find(place, maxdepth=_DEPTH, detail=True)
    root = f"{place.rstrip('/')}/"
    files = [
        _RemoteFile(place=name, name=name.removeprefix(root), size=info.get("size"))
        for name, info in sorted(found.items())
        if name.startswith(root) and _is_visible(name.removeprefix(root))
    ]
    rows = [file for file in files if "/" not in file.name and _ends_with(file.name, SHARD_ENDINGS)]
    chosen = rows or [file for file in files if _ends_with(file.name, IMAGE_ENDINGS)]
    if not chosen:
        raise UsageError(
            f"{clean(url)} does not exist, or has no files of rows",
            expected=_EXPECTED,
        )
    return chosen


def _is_visible(name: str) -> bool:
    """Whether no part is hidden or leads out of the folder."""
    return not any(part.startswith(".") or not part for part in name.split("/"))


def _ends_with(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _copy_file(storage: Any, file: _RemoteFile, target: Path, free: int, url: str, deadline: Deadline) -> int:
    """Copy one file; return its size in bytes, which is at most `free`."""
    copied, limit = 0, free if file.size is None else file.size
    with storage.open(file.place, "rb") as source, target.open("xb") as copy:
        while block := source.read(_BLOCK):
            copied += len(block)
            if copied > limit:
                break
            if deadline.over:
                raise _too_late(url, deadline)
            copy.write(block)
    if file.size is None and copied > limit:
        raise _too_large(url, copied, free)
    if file.size not in (None, copied):
        what = f"{clean(url)}: {clean(file.place)} has not the {file.size:,} bytes that the storage states"
        raise NoVerdictError(what, fix="run again when nothing writes to it")
    return copied


def _too_late(url: str, deadline: Deadline) -> NoVerdictError:
    return NoVerdictError(f"{clean(url)} was not copied: {deadline.reason()}")


def _too_large(url: str, size: int, free: int) -> NoVerdictError:
    return NoVerdictError(
        f"{clean(url)} is not copied: it has at least {format_bytes(size)}, "
        f"and the folder for temporary files has room for {format_bytes(free)}",
        fix="set TMPDIR to a folder with more space, or give the path of a copy",
    )


@contextmanager
def _explaining(url: str) -> Iterator[None]:
    """Turn what a storage raises, of any class, into an error of kcheck, and show none of its log."""
    unheard = logging.NullHandler()
    logging.getLogger().addHandler(unheard)
    try:
        yield
    except KcheckError:
        raise
    except ImportError as missing:
        raise UsageError(
            f"{clean(url)} cannot be read: {_first_line(missing)}",
            fix="install this package where kcheck runs",
        ) from missing
    except FileNotFoundError as missing:
        # The storage of http raises this whatever happened.
        cause = f" or cannot be reached ({_first_line(missing.__cause__)})" if missing.__cause__ else ""
        raise UsageError(f"{clean(url)} does not exist{cause}", expected=_EXPECTED) from missing
    except PermissionError as refusal:
        raise UsageError(
            f"{clean(url)} cannot be read: no permission ({_first_line(refusal)})",
            fix="give the credentials as its storage expects them: in a file or an environment variable",
        ) from refusal
    except Exception as problem:
        what = f"{clean(url)} cannot be copied: {type(problem).__name__}: {_first_line(problem)}"
        raise NoVerdictError(what) from problem
    finally:
        logging.getLogger().removeHandler(unheard)


def _first_line(error: BaseException) -> str:
    return clean(str(error).strip().partition("\n")[0], 160)
