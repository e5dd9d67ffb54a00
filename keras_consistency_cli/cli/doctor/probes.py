"""Probes of `kcheck doctor`, each run in its own process: a backend and its devices, or what isolation can do
here.

`python -m keras_consistency_cli.cli.doctor.probes tensorflow` prints one line of JSON after a mark. Only this
process imports a backend.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["MARK", "PROBES", "main"]

MARK = "kcheck-probe "
"""Prefix of the line with the answer, because backends print lines of their own."""


def main(name: str) -> int:
    """Print the answer of a probe, or how it failed."""
    try:
        answer = PROBES[name]()
    except BaseException as problem:  # an import can raise anything, also SystemExit
        answer = {"problem": f"{type(problem).__name__}: {problem}"}
    print(f"\n{MARK}{json.dumps(answer, default=str)}", flush=True)
    return 0


def _tensorflow() -> dict[str, Any]:
    tensorflow = importlib.import_module("tensorflow")
    config = tensorflow.config
    return {
        "version": tensorflow.__version__,
        "devices": [
            device.name.removeprefix("/physical_device:") for device in config.list_physical_devices()
        ],
        "TF32": config.experimental.tensor_float_32_execution_enabled(),
        "deterministic operations": importlib.import_module(
            "tensorflow.python.framework.config"
        ).is_op_determinism_enabled(),
        "threads within an operation": config.threading.get_intra_op_parallelism_threads() or "all cores",
        "threads between operations": config.threading.get_inter_op_parallelism_threads() or "all cores",
        "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "unset, on where the CPU has it"),
        "keras": _keras("tensorflow"),
    }


def _jax() -> dict[str, Any]:
    jax = importlib.import_module("jax")
    devices = [f"{device.platform}:{device.id}" for device in jax.devices()]
    precision = jax.config.jax_default_matmul_precision
    return {
        "version": jax.__version__,
        "devices": devices,
        "precision of products": precision or "default",
        "keras": _keras("jax"),
    }


def _torch() -> dict[str, Any]:
    torch = importlib.import_module("torch")
    devices = [
        "cpu",
        *(f"cuda:{at} {torch.cuda.get_device_name(at)}" for at in range(torch.cuda.device_count())),
    ]
    return {
        "version": torch.__version__,
        "devices": devices,
        "TF32": torch.backends.cuda.matmul.allow_tf32,
        "deterministic operations": torch.are_deterministic_algorithms_enabled(),
        "threads within an operation": torch.get_num_threads(),
        "keras": _keras("torch"),
    }


def _keras(backend: str) -> str:
    os.environ["KERAS_BACKEND"] = backend
    return str(importlib.import_module("keras").__version__)


def _isolation() -> dict[str, Any]:
    from keras_consistency_cli.workers.child.isolation import isolate

    return {"lacks": list(isolate(tempfile.gettempdir()))}


PROBES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
    "isolation": _isolation,
}
"""The probes by name; the backends first, in the order of the report."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
