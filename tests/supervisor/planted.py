"""A layer that does harm to the process it runs in. Given to the command as --custom-objects, and imported by the tests that save models with it."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

__all__ = ["HARM", "Trap"]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    print("hanging now", flush=True)
    Path(os.environ.get("TRAP_FLAG", os.devnull)).write_text("hanging")
    time.sleep(600)


def _abort() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def _exit() -> None:
    print("last words of the layer", flush=True)
    os._exit(0)


def _flood() -> None:
    os.write(1, b"flood\n" * 500_000)
    print("\x1b[31mnoise\x1b[0m", file=sys.stderr)


def _raise() -> None:
    raise RuntimeError("planted \x1b[31mtrouble\nover two lines")


def _garble() -> None:
    for descriptor in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"this is no message at all")
        except OSError:
            continue


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
}


@keras.saving.register_keras_serializable(package="planted")
class Trap(keras.layers.Layer):
    """Passes its inputs on, and does harm `when`: load (as the model is loaded), bare (in model(x) alone), training (with training=True), always."""

    def __init__(self, how: str, when: str = "bare", armed: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.when, self.armed = how, when, armed
        if when == "load" and armed:
            HARM[how]()

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self.when == "always" or (self.when == "training" and training) or (self.when == "bare" and training is None):
            HARM[self.how]()
        return inputs * 1.0

    def get_config(self) -> dict[str, Any]:
        # A model is saved with its trap disarmed, and armed by being loaded.
        return {**super().get_config(), "how": self.how, "when": self.when}
