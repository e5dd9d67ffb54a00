"""Child side: the fork server, and the workers that are forked from it.

The fork server imports the backend and runs nothing; a worker loads the subject, runs routes and sends traces
back. Because workers are forks, a second, fresh process costs a fraction of a second. stdout and stderr are a
log that the parent reads only for errors.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from keras_consistency_cli.workers import protocol
from keras_consistency_cli.workers.child.executor import Executor, error_header
from keras_consistency_cli.workers.child.isolation import isolate

# Keras imports these only for wrappers that nothing here uses; together they cost a second. They can be
# imported again afterwards.
_NOT_NEEDED = ("sklearn", "pandas")
_NOT_NEEDED_BY_TENSORFLOW = (*_NOT_NEEDED, "scipy")


def main(descriptor: int, parent: int) -> None:
    """Serve the parent on a socket until it closes: fork workers and report how they ended.

    Args:
        descriptor: the descriptor of the socket.
        parent: the process id of the parent; if it is gone already, this process ends.
    """
    control = socket.socket(fileno=descriptor)
    _die_with_parent(signal.SIGKILL)
    line = control.makefile("rb", buffering=0).readline()
    if not line or os.getppid() != parent:
        _leave()
    start = json.loads(line)
    os.environ.update(start["environment"])
    _import_backend()
    # Workers may start processes that only they know: those end with this process's group. Not earlier,
    # because signals are not handled during an import.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    _die_with_parent(signal.SIGTERM)
    while True:
        try:
            request, descriptors, _, _ = socket.recv_fds(control, 64, 2)
        except OSError:
            break
        if not request:
            break
        if descriptors:
            what, _, folder = request.decode().partition(" ")
            if what == "fork-to-scale":
                _import_scaling()
            _fork_worker(control, descriptors, start, folder)
        elif request == b"here":
            control.sendall(b"0\n")
        else:
            control.sendall(f"{_exit_code(int(request))}\n".encode())
    # The socket of a killed parent closes before the signal about its end arrives: do what the signal does.
    os.killpg(0, signal.SIGKILL)


def _import_backend() -> None:
    """Import what every worker needs, once for all of them, before the first fork."""
    unwanted = _NOT_NEEDED_BY_TENSORFLOW if os.environ.get("KERAS_BACKEND") == "tensorflow" else _NOT_NEEDED
    blocked = [name for name in unwanted if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    gc.disable()
    try:
        import keras

        if keras.backend.backend() == "tensorflow":
            import keras_consistency_cli.routes.session.tensorflow
        import numpy.ma
        import numpy.random  # noqa: F401

        import keras_consistency_cli.loading.model.load
        import keras_consistency_cli.loading.profile.profile
        import keras_consistency_cli.loading.rows.synthesis
        import keras_consistency_cli.loading.subject
        import keras_consistency_cli.routes.registry  # noqa: F401
    finally:
        for name in blocked:
            del sys.modules[name]
    gc.freeze()


def _import_scaling() -> None:
    """Import what a scaler needs, once for all workers: it costs a second in each of them.

    A worker reports a package that is missing or cannot be imported.
    """
    with contextlib.suppress(Exception):
        import sklearn.compose
        import sklearn.pipeline
        import sklearn.preprocessing  # noqa: F401
    gc.freeze()


def _fork_worker(
    control: socket.socket, descriptors: Sequence[int], start: Mapping[str, Any], folder: str
) -> None:
    """Fork a worker that serves the first descriptor, prints to the second one if there is one, and may write
    to a folder inside the scratch folder.
    """
    descriptor, *logs = descriptors
    parent = os.getpid()
    # Block the signal while the fork still has this process's handler, which would end the whole group.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    child = os.fork()
    if child == 0:
        control.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            _leave()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        gc.enable()
        try:
            # Only now: a fork has one thread, however many the backend started, and restrictions apply to
            # single threads.
            scratch = _own_scratch(start["scratch"], folder, logs)
            unprotected = isolate(scratch) if start["isolated"] else ()
            Worker(socket.socket(fileno=descriptor), unprotected).serve()
        finally:
            _leave()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    for own in descriptors:
        os.close(own)
    control.sendall(f"{child}\n".encode())


def _exit_code(child: int) -> int:
    """Wait for a worker; return its exit code, or minus the signal that killed it."""
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:  # it was waited for already: that must not end all other workers
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status)


def _own_scratch(scratch: str, folder: str, logs: Sequence[int]) -> str:
    """Print to the log of this worker's run if it has one; return the folder for its temporary files."""
    for log in logs:
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
    if not folder:
        return scratch
    os.environ["TMPDIR"] = tempfile.tempdir = f"{scratch}/{folder}"
    return tempfile.tempdir


def _die_with_parent(number: int) -> None:
    """Ask the kernel for this signal when the parent ends.

    On other systems the closed socket ends this process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, number)


def _leave() -> None:
    """Leave at once: shutting the backend down costs most of a second and has no use."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Worker:
    """A worker: an executor answers what arrives on its channel."""

    def __init__(self, channel: socket.socket, unprotected: Sequence[str] = ()) -> None:
        self._channel, self._executor = channel, Executor(unprotected=unprotected)

    def serve(self) -> None:
        """Answer requests until the parent closes the channel."""
        while True:
            try:
                request, arrays = protocol.receive(self._channel)
            except (EOFError, OSError):
                return
            try:
                protocol.send(self._channel, *self._executor.answer(request, arrays))
            except Exception as problem:
                traceback.print_exc()
                protocol.send(self._channel, error_header(problem))
