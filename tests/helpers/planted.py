"""A layer that harms the process in which it runs.

Tests save models with it and give this file to the command as --custom-objects.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

__all__ = ["HARM", "Trap"]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    print("hanging now", flush=True)
    # The only folder that a worker may write to.
    Path(tempfile.gettempdir(), "hanging").touch()
    time.sleep(600)


def _abort() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def _exit() -> None:
    print("last output of the layer", flush=True)
    os._exit(0)


def _flood() -> None:
    os.write(1, b"flood\n" * 500_000)
    print("\x1b[31mnoise\x1b[0m", file=sys.stderr)


def _raise() -> None:
    raise RuntimeError("planted \x1b[31mtrouble\nover two lines")


def _sockets() -> Iterator[int]:
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                yield descriptor


def _garble() -> None:
    for descriptor in _sockets():
        os.write(descriptor, b"this is no message at all")


def _drip() -> None:
    """Send a message that never ends, without a pause."""
    for descriptor in _sockets():
        os.write(descriptor, struct.pack("<4sI", b"kchk", 10_000))
        while True:
            os.write(descriptor, b" ")
            time.sleep(0.05)


def _announce() -> None:
    """Announce an output that is larger than any memory."""
    header = json.dumps({"arrays": [{"name": "outputs/out", "dtype": "<f8", "shape": [2**46]}]}).encode()
    for descriptor in _sockets():
        os.write(descriptor, struct.pack("<4sI", b"kchk", len(header)) + header)
    time.sleep(600)


def _forge() -> None:
    """Send a message with the right form and wrong content."""
    header = json.dumps({"arrays": [], "details": "none", "changed": 3}).encode()
    for descriptor in _sockets():
        os.write(descriptor, struct.pack("<4sI", b"kchk", len(header)) + header)
    time.sleep(600)


def _swallow() -> None:
    """Allocate memory in steps of 64 MiB, up to 8 GiB."""
    held = []
    for _ in range(128):
        held.append(b"x" * 2**26)
        time.sleep(0.01)


def _flood_for_ever() -> None:
    while True:
        os.write(1, b"flood\n" * 10_000)


def _write() -> None:
    # touch() would only change the times of a file that another test has left there.
    Path(__file__).with_name("written_by_a_worker").write_bytes(b"harm")


def _connect() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def _end_the_run() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def _spawn_and_hang() -> None:
    _spawn()
    _hang()


def _escape() -> None:
    subprocess.Popen(["sleep", "600"], start_new_session=True)


def _vanish() -> None:
    os.closerange(3, 64)
    time.sleep(600)


def _spawn() -> None:
    subprocess.Popen(["sleep", "600"])


HARM: dict[str, Callable[[], None]] = {
    "kill": _kill,
    "hang": _hang,
    "abort": _abort,
    "exit": _exit,
    "flood": _flood,
    "raise": _raise,
    "garble": _garble,
    "vanish": _vanish,
    "spawn": _spawn,
    "drip": _drip,
    "announce": _announce,
    "forge": _forge,
    "swallow": _swallow,
    "flood for ever": _flood_for_ever,
    "write": _write,
    "connect": _connect,
    "end the run": _end_the_run,
    "spawn and hang": _spawn_and_hang,
    "escape": _escape,
}


@keras.saving.register_keras_serializable(package="planted")
class Trap(keras.layers.Layer):
    """Returns its inputs and does harm.

    `when` is load (while the model is loaded), bare (in model(x) only), training (with training=True) or
    always.
    """

    def __init__(self, how: str, when: str = "bare", armed: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.when, self.armed = how, when, armed
        if when == "load" and armed:
            HARM[how]()

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if (
            self.when == "always"
            or (self.when == "training" and training)
            or (self.when == "bare" and training is None)
        ):
            HARM[self.how]()
        return inputs * 1.0

    def get_config(self) -> dict[str, Any]:
        # `armed` is not saved, so that loading a saved model arms its trap.
        return {**super().get_config(), "how": self.how, "when": self.when}
