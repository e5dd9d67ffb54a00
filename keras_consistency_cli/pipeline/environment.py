"""Environment: the versions, devices, platform and processor that outputs come from."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean, format_count

__all__ = ["describe_cpu", "describe_environment", "list_different"]

_INSTRUCTIONS = (
    *("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "avx512_fp16", "amx_bf16"),
    *("asimd", "sve"),
)
"""Names of /proc/cpuinfo, in order of age; oneDNN and Eigen choose kernels by them."""
_CPUINFO = Path("/proc/cpuinfo")
_SHOWN = 4


def describe_environment(facts: Facts) -> dict[str, Any]:
    """Return versions, devices and platform, by the names of the JSON report."""
    return {
        "kcheck": __version__,
        "python": platform.python_version(),
        "keras": facts.keras,
        "saved_with_keras": facts.saved_with,
        "backend": facts.backend,
        "backend_version": facts.backend_version,
        "devices": list(facts.devices),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": describe_cpu(),
    }


@cache
def describe_cpu() -> str:
    """Return the name of the processor and its vector instructions: "Some CPU (avx, avx2, fma)"."""
    fields: dict[str, str] = {}
    try:
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        pass  # not Linux
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    found = [instruction for instruction in _INSTRUCTIONS if instruction in flags]
    return f"{name} ({', '.join(found)})" if found else name


def list_different(found: Mapping[str, int], noun: str) -> str:
    """Return values with how many have them, "3.15.1 for 2 models, 3.14.0 for 1 model"; "" if all are equal.

    Args:
        found: how often each value was found.
        noun: what has a value.
    """
    if len(found) < 2:
        return ""
    most = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:_SHOWN]
    return ", ".join(f"{clean(value, 80)} for {format_count(count, noun)}" for value, count in most)
