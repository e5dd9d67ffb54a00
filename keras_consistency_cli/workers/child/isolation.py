"""Workers run what a model brings along: they are kept from the network and from writing outside their own folder, as far as the platform can.

Nothing here needs privileges. What could not be done is returned in words, so that the report can say it; nothing is ever an error.
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
_HELPER = "the NVIDIA driver has yet to be set up by its own helper (run nvidia-smi once)"


def isolate(scratch: str) -> tuple[str, ...]:
    """Restrict this process, which must have one thread, and all that it will start; there is no way back.

    Args:
        scratch: the folder that stays writable.

    Returns:
        What it could not be kept from, in words; empty where it could from all.
    """
    if not sys.platform.startswith("linux"):
        return (f"network and writing files: {sys.platform} has no way to forbid them",)
    if _needs_helper(Path("/dev")):
        return (f"network and writing files: {_HELPER}",)
    places, local = writable_places(scratch), _multiplexed()
    steps: dict[str, Callable[[], None]] = {
        "writing files": lambda: forbid_writing(places),
        "network": lambda: forbid_calls(local=local),
    }
    lacks = []
    for what, forbid in steps.items():
        try:
            forbid()
        except (LandlockError, SeccompError, OSError, AttributeError) as problem:
            lacks.append(f"{what}: {problem}")
    return tuple(lacks)


def _needs_helper(devices: Path) -> bool:
    """Whether CUDA would have to run a program with more rights than its own, which an isolated process cannot."""
    there = [(devices / name).exists() for name in _CUDA]
    return there == [True, False]


def _multiplexed() -> bool:
    """Whether the GPU is shared by a service that is spoken to over a local socket."""
    return "CUDA_MPS_PIPE_DIRECTORY" in os.environ or Path("/tmp/nvidia-mps").exists()  # noqa: S108


def writable_places(scratch: str, devices: Path = Path("/dev")) -> Sequence[str]:
    """Folders and devices that stay writable: the worker's own, what is no storage, graphics cards and the cache of CUDA's compiler."""
    named = [devices / name for name in _DEVICES]
    cards = sorted(devices.glob("nvidia*"))
    caches = [Path(os.environ.get("CUDA_CACHE_PATH") or Path.home() / ".nv")] if cards else []
    return [
        str(place) for place in (Path(scratch), Path("/proc/self"), *named, *cards, *caches) if place.exists()
    ]
