"""Calling kcheck in this process, so that sixty hostile files cost seconds: without a worker where none may
be needed, else with one for all.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["Answer", "Idle", "Warm", "answer", "in_folder"]

UNREADABLE = "unreadable.keras"
_PLACES = (
    "keras_consistency_cli.workers.forkserver.ForkServer",
    "keras_consistency_cli.pipeline.worker_setup.ForkServer",
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a call ended: its exit code, and what it wrote to both streams."""

    code: int
    out: str
    err: str


class Idle:
    """Stands in for the worker's interpreter where a call must end before it is needed; whatever is asked of
    it fails the call.
    """

    def __call__(self, *_: Any, **__: Any) -> Idle:
        return self

    def __enter__(self) -> Idle:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, *_: Any, **__: Any) -> None:
        """Start nothing."""

    def close(self) -> None:
        """Nothing was started."""

    def fork(self, *_: Any, **__: Any) -> None:
        """Fail: a worker would load the model now."""
        raise AssertionError("a worker was asked to load the model")


class Warm(Idle):
    """One interpreter with the backend imported, for many calls."""

    def __init__(self) -> None:
        self._own = ForkServer()
        self._started = False

    def start(self, *environment: Any, **more: Any) -> None:
        """Let it import the backend, the first time."""
        if not self._started:
            self._own.start(*environment, **more)
            self._started = True

    def fork(self, *arguments: Any, **more: Any) -> Any:
        """Fork a worker from it."""
        return self._own.fork(*arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def end(self) -> None:
        """Close the interpreter."""
        self._own.close()


@contextlib.contextmanager
def in_folder(folder: pathlib.Path) -> Iterator[None]:
    """Make `folder` the current one, and hide settings from outside."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("KCHECK_")}
    with contextlib.chdir(folder), mock.patch.dict(os.environ, settings, clear=True):
        yield


def answer(line: str, fork_server: Idle) -> Answer:
    """Run `kcheck line` in this process; a file that may not be read is so for root too."""
    own = pathlib.Path.open

    def opened(path: pathlib.Path, *arguments: Any, **more: Any) -> Any:
        if path.name == UNREADABLE:
            raise PermissionError(13, "Permission denied")
        return own(path, *arguments, **more)

    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        for place in _PLACES:
            stack.enter_context(mock.patch(place, fork_server))
        stack.enter_context(mock.patch.object(pathlib.Path, "open", opened))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        code = main(line.split())
    return Answer(code=code, out=out.getvalue(), err=err.getvalue())
