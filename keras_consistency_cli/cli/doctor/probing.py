"""Running the probes of `kcheck doctor`, each in its own process, because an import can crash or hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_consistency_cli.cli.doctor.probes import MARK, PROBES
from keras_consistency_cli.measurement.installed import installed_version

__all__ = ["probe"]

_IMPORT_TIMEOUT_S = 120.0
"""Longest time that the import of a backend may take."""
_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}


def probe(names: Sequence[str] = tuple(PROBES)) -> dict[str, dict[str, Any]]:
    """Run the probes side by side; a backend that is not installed has no process.

    Returns:
        By name the JSON object that the probe printed, or {"missing": True}, or {"problem": text}.
    """
    processes = {
        name: _start(name)
        for name in names
        if name not in _DISTRIBUTIONS or installed_version(*_DISTRIBUTIONS[name])
    }
    return {name: _read_answer(processes[name]) if name in processes else {"missing": True} for name in names}


def _start(name: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[3])
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    # -P: a keras.py in the working directory must not be imported instead of Keras.
    command = [sys.executable, "-P", "-m", "keras_consistency_cli.cli.doctor.probes", name]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command,
        stdin=quiet,
        stdout=subprocess.PIPE,
        stderr=quiet,
        text=True,
        errors="replace",
        env=environment,
    )


def _read_answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        printed, _ = process.communicate(timeout=_IMPORT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return {"problem": f"not imported within {_IMPORT_TIMEOUT_S:g} seconds"}
    finally:
        process.kill()
        process.wait()
    lines = [line.removeprefix(MARK) for line in printed.splitlines() if line.startswith(MARK)]
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    return (
        answer
        if isinstance(answer, dict)
        else {"problem": f"its process ended with exit code {process.returncode} and no answer"}
    )
