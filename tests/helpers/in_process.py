"""Calls of kcheck in this process, without a worker or with one fork server for all calls.

Starting an interpreter and importing TensorFlow takes longer than most runs; a shared fork server does it
only once.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

from keras_consistency_cli.cli.main import main
from keras_consistency_cli.pipeline import worker_setup
from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = [
    "Completed",
    "NoWorkers",
    "SharedForkServer",
    "forking_from",
    "in_folder",
    "lowered",
    "run_in_process",
]

UNREADABLE = "unreadable.keras"


@dataclass(frozen=True, kw_only=True)
class Completed:
    """The result of a call: its exit code, and its output on both streams."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The first line of the error: from the report on a refusal if there is one."""
        reasons = (
            re.fullmatch(r"  (?:read from the file|tried, and failed): (.*)", line)
            for line in self.out.splitlines()
        )
        error = self.err.partition("\n")[0].removeprefix("kcheck: ")
        return next((found[1] for found in reasons if found), error)


class NoWorkers:
    """Replaces the fork server in calls that must end before they need a worker; forking a worker fails."""

    @property
    def further(self) -> Callable[[], NoWorkers]:
        """What replaces the fork servers for the user's code and for different kernels."""
        return self

    def __call__(self, *_: Any, **__: Any) -> NoWorkers:
        return self

    def __enter__(self) -> NoWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, *_: Any, **__: Any) -> None:
        """Start nothing."""

    def close(self) -> None:
        """Close nothing."""

    def fork(self, *_: Any, **__: Any) -> None:
        """Fail, because a worker would load the model."""
        raise AssertionError("a worker was asked to load the model")


class SharedForkServer(NoWorkers):
    """One interpreter with the backend imported, for many calls."""

    def __init__(self) -> None:
        self._real = ForkServer()
        self._is_started = False
        self._further: dict[tuple[object, ...], SharedForkServer] = {}

    @property
    def further(self) -> Callable[[], NoWorkers]:
        """Other interpreters, one for each environment: a fork of this one would inherit its hash salt."""
        return lambda: _FurtherForkServer(self._further)

    def start(self, *environment: Any, **more: Any) -> None:
        """Import the backend at the first call."""
        if not self._is_started:
            self._real.start(*environment, **more)
            self._is_started = True

    def fork(self, *arguments: Any, **more: Any) -> Any:
        """Fork a worker."""
        return self._real.fork(*arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def end(self) -> None:
        """Close the interpreters."""
        for further in self._further.values():
            further.end()
        self._real.close()


class _FurtherForkServer(NoWorkers):
    """A shared fork server that is chosen when its environment is known."""

    def __init__(self, servers: dict[tuple[object, ...], SharedForkServer]) -> None:
        self._servers = servers

    def start(self, environment: Mapping[str, str], **more: Any) -> None:
        """Choose the interpreter with this environment, or start it."""
        key = (*sorted(environment.items()), *sorted(more.items()))
        if key not in self._servers:
            self._servers[key] = SharedForkServer()
        self._chosen = self._servers[key]
        self._chosen.start(environment, **more)

    def fork(self, *arguments: Any, **more: Any) -> Any:
        """Fork a worker."""
        return self._chosen.fork(*arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen, name)


@contextlib.contextmanager
def in_folder(folder: pathlib.Path) -> Iterator[None]:
    """Make `folder` the working directory, and remove kcheck's variables from the environment."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("KCHECK_")}
    with contextlib.chdir(folder), mock.patch.dict(os.environ, settings, clear=True):
        yield


@contextlib.contextmanager
def lowered(caps: Mapping[str, object]) -> Iterator[None]:
    """Replace constants of kcheck by dotted name; a mapping replaces only the entries that it contains."""
    with contextlib.ExitStack() as stack:
        for name, value in caps.items():
            if isinstance(value, Mapping):
                stack.enter_context(mock.patch.dict(name, value))
            else:
                stack.enter_context(mock.patch(name, value))
        yield


@contextlib.contextmanager
def forking_from(fork_server: NoWorkers) -> Iterator[None]:
    """Let every run in this process take its workers from this fork server.

    Its `further` replaces those for the user's code and for different kernels.
    """
    with (
        mock.patch("keras_consistency_cli.workers.forkserver.ForkServer", fork_server),
        mock.patch.object(worker_setup, "ForkServer", fork_server.further),
    ):
        yield


def run_in_process(*arguments: str, fork_server: NoWorkers) -> Completed:
    """Run `kcheck` with these arguments in this process.

    Args:
        arguments: the arguments after `kcheck`.
        fork_server: where the workers come from.
    """
    own_open = pathlib.Path.open

    def open_unless_unreadable(path: pathlib.Path, *more: Any, **keywords: Any) -> Any:
        if path.name == UNREADABLE:  # root can read a file without permissions
            raise PermissionError(13, "Permission denied")
        return own_open(path, *more, **keywords)

    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(forking_from(fork_server))
        stack.enter_context(mock.patch.object(pathlib.Path, "open", open_unless_unreadable))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        code = main(list(arguments))
    return Completed(code=code, out=out.getvalue(), err=err.getvalue())
