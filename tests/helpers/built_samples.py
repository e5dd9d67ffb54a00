"""The sample models, built once for all test processes of a run."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["SAMPLES", "build_once"]

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def build_once(shared: Path) -> Path:
    """Return the folder of all samples with the layers that they need, in a folder that processes share.

    The first process builds the samples, and the others wait for it.

    Raises:
        RuntimeError: the script that builds the samples failed.
    """
    folder = shared / "samples"
    with (shared / "samples.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "samples.built").exists():
            _build(folder)
            (shared / "samples.built").touch()
    return folder


def _build(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(SAMPLES / "layers.py", folder)
    command = [sys.executable, str(SAMPLES / "make_samples.py"), "--into", str(folder)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(completed.stderr)
