"""The child side: imports the backend once, forks a worker per seat from it, loads the subject, runs routes, sends traces back.

The first process (the nursery) imports the backend and runs nothing; each worker is a fork of it, so that a second, fresh process costs
a fraction of a second. The backend may log what it likes: stdout and stderr are a file that the parent reads only for errors.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import gc
import json
import os
import re
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from keras_consistency_cli import wire
from keras_consistency_cli.isolation import isolate

# Keras imports these only to offer wrappers that nothing here uses; together they cost a second. They are importable again afterwards.
_NOT_NEEDED = ("sklearn", "pandas")
_NOT_NEEDED_BY_TENSORFLOW = (*_NOT_NEEDED, "scipy")
_ERROR_LENGTH = 400
_ISOLATED = " (workers have no network and write to no folder but their own; --isolation off lifts that)"
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


def main(descriptor: int, parent: int) -> None:
    """Serve the parent on an inherited socket: fork workers and report how they ended, until the socket closes.

    Args:
        descriptor: of the socket.
        parent: process id of who started this; where it is gone already, there is nobody to serve.
    """
    control = socket.socket(fileno=descriptor)
    _die_with_parent(signal.SIGKILL)
    told = control.makefile("rb", buffering=0).readline()
    if not told or os.getppid() != parent:
        _leave()
    start = json.loads(told)
    os.environ.update(start["environment"])
    _import_backend()
    # Workers may start processes that nobody else knows of: those end with this one's group. Not before, for an import does not listen.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    _die_with_parent(signal.SIGTERM)
    while True:
        try:
            request, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        except OSError:
            break
        if not request:
            break
        if descriptors:
            _fork_worker(control, descriptors[0], start)
        elif request == b"here":
            control.sendall(b"0\n")
        else:
            _, status = os.waitpid(int(request), 0)
            control.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    _leave()


def _import_backend() -> None:
    unwanted = _NOT_NEEDED_BY_TENSORFLOW if os.environ.get("KERAS_BACKEND") == "tensorflow" else _NOT_NEEDED
    blocked = [name for name in unwanted if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    gc.disable()
    try:
        import keras

        if keras.backend.backend() == "tensorflow":
            import keras_consistency_cli.routes.tensorflow
        import keras_consistency_cli.loading.subject
        import keras_consistency_cli.loading.synthesis  # noqa: F401
    finally:
        for name in blocked:
            del sys.modules[name]
    gc.freeze()


def _fork_worker(control: socket.socket, descriptor: int, start: Mapping[str, Any]) -> None:
    # Not in the moment in which the fork still has this process's handler: it would end all of the group.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    child = os.fork()
    if child == 0:
        control.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent(signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        gc.enable()
        try:
            # Only now: a fork has one thread, however many the backend started, and what is allowed is settled thread by thread.
            unprotected = isolate(start["scratch"]) if start["isolated"] else ()
            Worker(socket.socket(fileno=descriptor), unprotected).serve()
        finally:
            _leave()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    os.close(descriptor)
    control.sendall(f"{child}\n".encode())


def _die_with_parent(number: int) -> None:
    """Ask the kernel for this signal when the parent ends; elsewhere than on Linux the closed socket ends it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, number)


def _leave() -> None:
    """Leave at once: tearing the backend down costs most of a second and serves nobody."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Worker:
    """One seat: a subject, its session, and a session of its shadow once somebody asks for it."""

    def __init__(self, channel: socket.socket, unprotected: Sequence[str] = ()) -> None:
        self._channel, self._unprotected = channel, unprotected
        self._sessions: dict[str, Any] = {}

    def serve(self) -> None:
        """Answer requests until the parent hangs up."""
        answers = {"load": self._load, "run": self._run, "describe": self._describe, "here": self._here}
        while True:
            try:
                request, arrays = wire.receive(self._channel)
            except (EOFError, OSError):
                return
            try:
                answers[request["op"]](request, arrays)
            except Exception as problem:
                traceback.print_exc()
                wire.send(self._channel, {"error": _told(problem), "kind": _kind(problem), "exit_code": getattr(problem, "exit_code", 3)})

    def _load(self, request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> None:
        from keras_consistency_cli.loading.subject import Subject, SubjectFiles
        from keras_consistency_cli.routes import routes
        from keras_consistency_cli.routes.session import Probe

        if "threads" in request:
            from keras_consistency_cli.routes.kernels import limit_threads

            limit_threads(request["threads"])
        self._subject = Subject.load(SubjectFiles(**request["files"]))
        self._probe = Probe(**{**request["probe"], "sizes": tuple(request["probe"]["sizes"])})
        self._routes = {route.name: route for route in routes(self._probe.sizes)}
        self._sessions["float32"] = self._session(self._subject.model)
        loaded = {"facts": dataclasses.asdict(self._subject.facts), "rows": self._subject.described_rows, "unprotected": list(self._unprotected)}
        wire.send(self._channel, loaded)

    def _describe(self, request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> None:
        from keras_consistency_cli.loading.description import describe_data

        found = describe_data(self._subject, every=request["every"])
        wire.send(self._channel, {"description": dataclasses.asdict(found)})

    def _here(self, _request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> None:
        """Say that this process was there to the end."""
        wire.send(self._channel, {})

    def _session(self, model: Any) -> Any:
        if self._subject.facts.backend == "tensorflow":
            from keras_consistency_cli.routes.tensorflow import TensorFlowSession as Kind
        else:
            from keras_consistency_cli.routes.session import Session as Kind  # type: ignore[assignment]
        return Kind(model, self._subject.facts, self._probe)

    def _run(self, request: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        route = self._routes[request["route"]]
        rows = self._subject.rows(arrays["rows"])
        session = self._sessions.get(route.lens)
        if session is None:
            session = self._sessions[route.lens] = self._shadow(rows)
        if isinstance(session, str):
            wire.send(self._channel, {"unavailable": session})
            return
        start = time.perf_counter()
        session.subject, session.numbers = self._subject, arrays["rows"]
        session.restore()
        try:
            result = route.run(session, rows)
            changed = session.snapshot.changes()
        except Exception as problem:
            if route.lens == "float32":
                raise
            # The model itself is not at fault where only its float64 copy cannot run.
            wire.send(self._channel, {"unavailable": f"the float64 shadow fails: {_told(problem)}"})
            return
        finally:
            session.restore()
        session.watch(bool(changed))
        self._send(result, changed, time.perf_counter() - start)

    def _shadow(self, rows: Mapping[str, Any]) -> Any:
        """The session of the float64 shadow, or the reason why there is none."""
        if self._subject.facts.backend != "tensorflow":
            return "the float64 shadow needs the TensorFlow backend"
        from keras_consistency_cli.loading.shadow import ShadowRefused
        from keras_consistency_cli.routes.shadow import shadow_session

        try:
            return shadow_session(self._sessions["float32"], self._subject, rows)
        except ShadowRefused as reason:
            return f"no float64 shadow: {reason}"
        except Exception as problem:
            # A constant that a custom layer keeps in float32 cannot be added to float64: no fault of the model.
            return f"no float64 shadow: it fails where the model does not: {_told(problem)}"

    def _send(self, result: Any, changed: Any, elapsed: float) -> None:
        arrays = {f"outputs/{name}": values for name, values in result.outputs.items()}
        arrays |= {f"baseline/{name}": values for name, values in (result.baseline or {}).items()}
        if result.rows is not None:
            arrays["rows"] = result.rows
        header = {"details": result.details, "changed": [dataclasses.asdict(change) for change in changed], "elapsed_s": elapsed}
        wire.send(self._channel, header, arrays)


def _kind(problem: Exception) -> str:
    """The class by which the parent raises it again; special cases of DataError keep to themselves what is special."""
    from keras_consistency_cli.errors import DataError

    return "DataError" if isinstance(problem, DataError) else type(problem).__name__


def _told(problem: Exception) -> str:
    """The exception on one line: what TensorFlow wraps in a graph trace is told by its last lines."""
    from keras_consistency_cli.errors import KcheckError
    from keras_consistency_cli.text import clean

    if isinstance(problem, KcheckError):
        return str(problem)
    if isinstance(problem, OSError) and problem.errno is None and isinstance(problem.__context__, OSError):
        # Keras makes a new exception out of the first argument alone, which here is a number.
        problem = problem.__context__
    hint = _ISOLATED if isinstance(problem, PermissionError) and problem.errno == errno.EACCES else ""
    text = _STYLING.sub("", str(problem))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # What is wrapped in a trace of the graph is told by its last lines, what Keras itself says by its first.
    shown = " ".join(lines[-3:] if any(mark in text for mark in ("Graph execution error", "in user code:")) else lines[:3])
    return f"{type(problem).__name__}: {clean(shown, _ERROR_LENGTH)}{hint}"
