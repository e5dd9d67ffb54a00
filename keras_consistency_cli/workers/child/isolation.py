"""Isolation: prevent a worker from using the network and from writing outside its folder.

Workers run the code of a model. Nothing here needs privileges. What could not be done is returned in words
for the report; nothing raises an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from keras_consistency_cli.workers.child.landlock import LandlockError, forbid_writing
from keras_consistency_cli.workers.child.seccomp import SeccompError, forbid_calls

__all__ = ["isolate", "writable_places"]

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "shm", "dri", "kfd")
_CUDA = ("nvidiactl", "nvidia-uvm")
_HELPER = "the NVIDIA driver has not been set up yet by its own helper (run nvidia-smi once)"


def isolate(scratch: str) -> tuple[str, ...]:
    """Restrict this process and all that it will start, for good; it must have one thread.

    Args:
        scratch: the folder that stays writable.

    Returns:
        What it could not be prevented from, in words; empty if nothing.
    """
    if not sys.platform.startswith("linux"):
        return (f"network and writing files: {sys.platform} has no way to prevent them",)
    if _needs_helper(Path("/dev")):
        return (f"network and writing files: {_HELPER}",)
    places, local = writable_places(scratch), _is_gpu_shared()
    steps: dict[str, Callable[[], None]] = {
        "writing files": lambda: forbid_writing(places),
        "network": lambda: forbid_calls(local=local),
    }
    lacks = []
    for action, forbid in steps.items():
        try:
            forbid()
        except (LandlockError, SeccompError, OSError, AttributeError) as problem:
            lacks.append(f"{action}: {problem}")
    return tuple(lacks)


def _needs_helper(devices: Path) -> bool:
    """Whether CUDA must run a program with more rights, which an isolated process cannot."""
    return [(devices / name).exists() for name in _CUDA] == [True, False]


def _is_gpu_shared() -> bool:
    """Whether a service shares the GPU over a local socket."""
    return "CUDA_MPS_PIPE_DIRECTORY" in os.environ or Path("/tmp/nvidia-mps").exists()  # noqa: S108


def writable_places(scratch: str, devices: Path = Path("/dev")) -> Sequence[str]:
    """Return the folders and devices that stay writable.

    These are the worker's own folder, devices that are not storage, graphics cards, and the cache of CUDA's
    compiler.
    """
    named = [devices / name for name in _DEVICES]
    cards = sorted(devices.glob("nvidia*"))
    caches = [Path(os.environ.get("CUDA_CACHE_PATH") or Path.home() / ".nv")] if cards else []
    return [
        str(place) for place in (Path(scratch), Path("/proc/self"), *named, *cards, *caches) if place.exists()
    ]
