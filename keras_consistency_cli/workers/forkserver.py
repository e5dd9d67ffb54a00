"""The fork server: one process that has imported the backend, from which workers are forked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.signals import on_exit, signals_deferred
from keras_consistency_cli.workers.supervision.log import Log
from keras_consistency_cli.workers.supervision.memory import MemoryLimit
from keras_consistency_cli.workers.supervision.scratch_dir import ScratchDir, sweep
from keras_consistency_cli.workers.supervision.watchdog import Watchdog

__all__ = ["ForkServer"]

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "TF_ENABLE_DEPRECATION_WARNINGS": "0"}
# Several workers share an accelerator: none may take all of its memory, and looking for one must not spoil it for processes that are forked later.
_SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
_LOG_TAIL = 4000
_REAP_TIMEOUT_S = 10.0
_ROOT = Path(__file__).resolve().parents[2]
# -P, and in and out of sys.path: neither the current folder, where a stranger's model may lie, nor what surrounds the package is imported from.
_START = """
import sys
sys.path.insert(0, sys.argv[1])
import keras_consistency_cli
del sys.path[0]
from keras_consistency_cli.workers.child.main import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""
_TOLD = 300
# TensorFlow logs these before anybody can ask it not to.
_CHATTER = re.compile(
    r"[IW]\d{4} |WARNING: All log messages before absl|To enable the following instructions"
)


class ForkServer:
    """A process that waits to be told which backend to import; a context manager that ends every process it started.

    It is cheap to make one before anything is known, so that interpreters start side by side with the parent's own imports.
    """

    def __init__(self) -> None:
        with signals_deferred():
            self._log, self._scratch = Log(), ScratchDir()
            self._lock = threading.Lock()
            self._channels: list[socket.socket] = []
            self._control, theirs = socket.socketpair()
            on_exit(self.close)
            self._process = self._spawned(theirs)
            theirs.close()
            self._log.close_writer()
            self._watch = Watchdog(self._log, self._process.pid)
        sweep()

    def _spawned(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_ROOT), str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=self._log.writer,
            stderr=self._log.writer,
            pass_fds=[theirs.fileno()],
            # TensorFlow leaves files of generated code to be removed at exit, which workers never reach.
            env={**_SHARING, **os.environ, **_QUIET, "TMPDIR": str(self._scratch.path)},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(
        self, environment: Mapping[str, str], *, memory_limit: float | None = None, isolated: bool = True
    ) -> None:
        """Let it import the backend, beside whatever the parent does next.

        Args:
            environment: variables that must be set before the backend is imported, such as KERAS_BACKEND.
            memory_limit: GiB that one worker may hold; without it, all of them together most of what is free now.
            isolated: whether workers are kept from the network and from writing outside their folder.
        """
        self._watch.limit = MemoryLimit.of(memory_limit)
        told = {"environment": dict(environment), "isolated": isolated, "scratch": str(self._scratch.path)}
        with contextlib.suppress(OSError):
            # Why it is gone is told by the first fork, with its last words.
            self._control.sendall(json.dumps(told).encode() + b"\n")

    def fork(self, *, deadline: float | None = None) -> tuple[int, socket.socket]:
        """Fork a worker; return its process id and the channel to it.

        Args:
            deadline: the moment of `time.monotonic` by which it must be there.

        Raises:
            NoVerdictError: the backend could not be imported, at least not in time; the message ends with what it last said.
        """
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
                child = self._answer(deadline)
            except OSError as problem:
                ours.close()
                # An answer that comes too late would be taken for that to the next question.
                self._control.close()
                what = (
                    "did not start in time (--timeout or --total-timeout)"
                    if isinstance(problem, TimeoutError)
                    else "could not be started"
                )
                fix = "python -c 'import keras' shows the whole story"
                raise NoVerdictError(f"the backend {what}: {self.log_tail()}", fix=fix) from problem
        self._channels.append(ours)
        self._watch.add(child)
        return child, ours

    @property
    def largest_answer(self) -> int:
        """Bytes that an answer of a worker may have."""
        return self._watch.limit.answer

    def memory_exceeded(self, child: int) -> str | None:
        """Why a worker was ended for the memory it took, or None; ask before `ended`, upon which its process id may be another's."""
        return self._watch.drop(child)

    def ended(self, child: int) -> int:
        """Wait for a worker that has closed its channel; return its exit code, or minus the signal that killed it."""
        self._watch.drop(child)
        with self._lock:
            try:
                self._control.sendall(f"{child}".encode())
                return self._answer(time.monotonic() + _REAP_TIMEOUT_S)
            except OSError:
                self._control.close()
                return -signal.SIGKILL

    def lost(self) -> str | None:
        """That it ended although nobody told it to; None where it still answers."""
        with self._lock:
            try:
                self._control.sendall(b"here")
                self._answer(time.monotonic() + _REAP_TIMEOUT_S)
            except OSError:
                return "the process that workers are forked from was killed, or ended by itself"
        return None

    def _answer(self, deadline: float | None) -> int:
        line = b""
        while not line.endswith(b"\n"):
            self._control.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            got = self._control.recv(64)
            if not got:
                raise OSError("the fork server is gone")
            line += got
        return int(line)

    @property
    def printed(self) -> int:
        """How much has been printed so far: a mark from which `log_tail` can tell what came later."""
        return self._log.printed

    def log_tail(self, lines: int = 3, *, since: int = 0) -> str:
        """The last lines of what backend and workers printed, on one line.

        Args:
            lines: how many.
            since: a former value of `printed`.
        """
        told = [
            line.strip()
            for line in self._log.end(_LOG_TAIL, since=since).splitlines()
            if line.strip() and not _CHATTER.match(line)
        ]
        return clean(" | ".join(told[-lines:]), _TOLD) or "it said nothing"

    def log(self) -> str:
        """The end of what backend and workers printed to stdout and stderr."""
        return self._log.end(_LOG_TAIL)

    def close(self) -> None:
        """Kill every process that is left, close the channels to them and remove their folder; safe to call twice."""
        with signals_deferred():
            self._control.close()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for channel in self._channels:
                channel.close()
            self._watch.close()
            self._log.close()
            self._scratch.remove()
