"""Fork server: one process that has imported the backend, from which workers are forked."""

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

__all__ = ["ForkServer", "last_lines"]

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "TF_ENABLE_DEPRECATION_WARNINGS": "0"}
# Several workers share an accelerator: none may take all of its memory, and the search for one must not break
# it for processes that are forked later.
_SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
_LOG_TAIL = 4000
_REAP_TIMEOUT_S = 10.0
_ROOT = Path(__file__).resolve().parents[2]
# -P, and in and out of sys.path: nothing is imported from the current folder, which may hold untrusted files,
# nor from the folder around the package.
_START = """
import sys
sys.path.insert(0, sys.argv[1])
import keras_consistency_cli
del sys.path[0]
from keras_consistency_cli.workers.child.main import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""
_LOG_TEXT = 300
# TensorFlow logs these before it can be asked not to.
_NOISE = re.compile(r"[IW]\d{4} |WARNING: All log messages before absl|To enable the following instructions")


class ForkServer:
    """A process that imports a backend on request and forks workers; a context manager.

    It ends every process it started. One can be created before the settings are known: its interpreter then
    starts while the parent does its own imports.
    """

    def __init__(self) -> None:
        with signals_deferred():
            self._log, self._scratch = Log(), ScratchDir()
            self._lock = threading.Lock()
            self._channels: list[socket.socket] = []
            self._is_late = False
            self._control, child_end = socket.socketpair()
            on_exit(self.close)
            self._process = self._spawn(child_end)
            child_end.close()
            self._log.close_writer()
            self._watch = Watchdog(self._log, self._process.pid)
        sweep()

    def _spawn(self, child_end: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_ROOT), str(child_end.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=self._log.writer,
            stderr=self._log.writer,
            pass_fds=[child_end.fileno()],
            # TensorFlow removes its files of generated code at exit, which workers never reach.
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
        """Let the process import the backend, at the same time as what the parent does next.

        Args:
            environment: variables to set before the backend is imported, such as KERAS_BACKEND.
            memory_limit: GiB that one worker may hold; without it, all together may hold most of the free
                memory.
            isolated: whether workers are prevented from using the network and from writing outside their
                folder.
        """
        self._watch.limit = MemoryLimit.of(memory_limit)
        request = {"environment": dict(environment), "isolated": isolated, "scratch": str(self._scratch.path)}
        with contextlib.suppress(OSError):
            # If the process is gone, the first fork reports why, with the end of the log.
            self._control.sendall(json.dumps(request).encode() + b"\n")

    def fork(
        self,
        *,
        deadline: float | None = None,
        scales: bool = False,
        log: int | None = None,
        scratch: str = "",
    ) -> tuple[int, socket.socket]:
        """Fork a worker; return its process id and the channel to it.

        Args:
            deadline: the time of `time.monotonic` by which it must be there.
            scales: whether it loads a scaler, for which scikit-learn is imported first.
            log: the descriptor that it prints to, instead of the log of this server.
            scratch: the folder inside `scratch` that it may write to, instead of all of it.

        Raises:
            NoVerdictError: the backend could not be imported in time or at all; the message ends with its
                log.
        """
        channel, child_end = socket.socketpair()
        with self._lock, child_end:
            try:
                descriptors = [child_end.fileno(), *([] if log is None else [log])]
                request = f"{'fork-to-scale' if scales else 'fork'} {scratch}"
                socket.send_fds(self._control, [request.encode()], descriptors)
                child = self._receive_number(deadline)
            except OSError as problem:
                channel.close()
                # A late answer would be taken for that to the next request.
                self._control.close()
                # Another worker may have waited for it before, in vain.
                self._is_late = self._is_late or isinstance(problem, TimeoutError)
                in_time = "did not start in time (--timeout or --total-timeout)"
                what = in_time if self._is_late else "could not be started"
                fix = "python -c 'import keras' shows the full error"
                raise NoVerdictError(f"the backend {what}: {self.log_tail()}", fix=fix) from problem
        if log is None:  # otherwise the caller closes it
            self._channels.append(channel)
        self._watch.add(child)
        return child, channel

    @property
    def process_id(self) -> int:
        """The process that workers are forked from."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives and still has its channel; it may be busy importing."""
        return self._control.fileno() >= 0 and self._process.poll() is None

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self._scratch.path

    @property
    def largest_answer(self) -> int:
        """Greatest size of a worker's answer in bytes."""
        return self._watch.limit.largest_answer

    def memory_exceeded(self, child: int) -> str | None:
        """Return why a worker was ended for its memory, or None.

        Call this before `wait_for`: after that another process may have the same id.
        """
        return self._watch.drop(child)

    def wait_for(self, child: int) -> int:
        """Wait for a worker to end; return its exit code, or minus the signal that killed it."""
        self._watch.drop(child)
        with self._lock:
            try:
                self._control.sendall(f"{child}".encode())
                return self._receive_number(time.monotonic() + _REAP_TIMEOUT_S)
            except OSError:
                self._control.close()
                return -signal.SIGKILL

    def lost(self) -> str | None:
        """Return that the process ended unexpectedly, None if it still answers."""
        with self._lock:
            try:
                self._control.sendall(b"here")
                self._receive_number(time.monotonic() + _REAP_TIMEOUT_S)
            except OSError:
                return "the process that workers are forked from was killed, or exited by itself"
        return None

    def _receive_number(self, deadline: float | None) -> int:
        line = b""
        while not line.endswith(b"\n"):
            self._control.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            received = self._control.recv(64)
            if not received:
                raise OSError("the fork server is gone")
            line += received
        return int(line)

    @property
    def printed(self) -> int:
        """How many bytes have been printed so far; `log_tail` can begin there."""
        return self._log.printed

    def log_tail(self, lines: int = 3, *, since: int = 0) -> str:
        """Return the last lines that the backend and workers printed, on one line.

        Args:
            lines: how many lines.
            since: an earlier value of `printed`.
        """
        return last_lines(self._log, lines, since=since)

    def log(self) -> str:
        """Return the end of what the backend and workers printed to stdout and stderr."""
        return self._log.tail(_LOG_TAIL)

    def close(self) -> None:
        """Kill every process, close the channels and remove the folder; safe to call twice."""
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


def last_lines(log: Log, lines: int, *, since: int = 0) -> str:
    """Return the last lines of a log, on one line, without the usual messages of the backend.

    Args:
        log: the log.
        lines: how many lines.
        since: an earlier value of its `printed`.
    """
    printed = [
        line.strip()
        for line in log.tail(_LOG_TAIL, since=since).splitlines()
        if line.strip() and not _NOISE.match(line)
    ]
    return clean(" | ".join(printed[-lines:]), _LOG_TEXT) or "it printed nothing"
