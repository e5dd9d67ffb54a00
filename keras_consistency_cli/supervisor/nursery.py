"""The nursery: one process that has imported the backend, from which workers are forked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.text import clean

__all__ = ["Nursery"]

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "TF_ENABLE_DEPRECATION_WARNINGS": "0"}
# Several workers share an accelerator: none may take all of its memory, and looking for one must not spoil it for processes that are forked later.
_SHARING = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
_LOG_TAIL = 4000
_ROOT = Path(__file__).resolve().parents[2]
# -P, and in and out of sys.path: neither the current folder, where a stranger's model may lie, nor what surrounds the package is imported from.
_START = """
import sys
sys.path.insert(0, sys.argv[1])
import keras_consistency_cli
del sys.path[0]
from keras_consistency_cli.worker import main
main(int(sys.argv[2]))
"""
_TOLD = 300
# TensorFlow logs these before anybody can ask it not to.
_CHATTER = re.compile(r"[IW]\d{4} |WARNING: All log messages before absl|To enable the following instructions")


class Nursery:
    """A process that waits to be told which backend to import; a context manager that ends every process it started.

    It is cheap to make one before anything is known, so that interpreters start side by side with the parent's own imports.
    """

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the processes that write to it
        # TensorFlow leaves files of generated code to be removed at exit, which workers never reach.
        self._scratch = tempfile.TemporaryDirectory(prefix="kcheck-", ignore_cleanup_errors=True)
        self._lock = threading.Lock()
        self._channels: list[socket.socket] = []
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_ROOT), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[theirs.fileno()],
            env={**_SHARING, **os.environ, **_QUIET, "TMPDIR": self._scratch.name},
            start_new_session=True,
        )
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self, environment: Mapping[str, str]) -> None:
        """Let it import the backend, beside whatever the parent does next.

        Args:
            environment: variables that must be set before the backend is imported, such as KERAS_BACKEND.
        """
        with contextlib.suppress(OSError):
            # Why it is gone is told by the first fork, with its last words.
            self._control.sendall(json.dumps(dict(environment)).encode() + b"\n")

    def fork(self) -> tuple[int, socket.socket]:
        """Fork a worker; return its process id and the channel to it.

        Raises:
            NoVerdictError: the backend could not be imported; the message ends with what it last said.
        """
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
                child = self._answer()
            except OSError as problem:
                ours.close()
                mend = "python -c 'import keras' shows the whole story"
                raise NoVerdictError(f"the backend could not be started: {self.last_words()}", mend=mend) from problem
        self._channels.append(ours)
        return child, ours

    def ended(self, child: int) -> int:
        """Wait for a worker that has closed its channel; return its exit code, or minus the signal that killed it."""
        with self._lock:
            try:
                self._control.sendall(f"{child}".encode())
                return self._answer()
            except OSError:
                return -signal.SIGKILL

    def _answer(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            got = self._control.recv(64)
            if not got:
                raise OSError("the nursery is gone")
            line += got
        return int(line)

    def last_words(self, lines: int = 3) -> str:
        """The last lines of what backend and workers printed, on one line."""
        told = [line.strip() for line in self.log().splitlines() if line.strip() and not _CHATTER.match(line)]
        return clean(" | ".join(told[-lines:]), _TOLD) or "it said nothing"

    def log(self) -> str:
        """The end of what backend and workers printed to stdout and stderr; nothing once it is closed."""
        if self._log.closed:
            return ""
        with open(os.dup(self._log.fileno()), "rb") as copy:
            copy.seek(max(0, os.fstat(copy.fileno()).st_size - _LOG_TAIL))
            return copy.read().decode(errors="replace")

    def close(self) -> None:
        """Kill every process that is left and close the channels to them; safe to call twice."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for channel in self._channels:
            channel.close()
        self._log.close()
        self._scratch.cleanup()
