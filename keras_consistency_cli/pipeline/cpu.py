"""The processor: its name, and the vector instructions that decide how libraries round."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

__all__ = ["describe_cpu"]

_INSTRUCTIONS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve")
"""Names of /proc/cpuinfo, in order of age; oneDNN and Eigen choose kernels by them."""
_CPUINFO = Path("/proc/cpuinfo")


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
