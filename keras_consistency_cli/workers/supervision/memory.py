"""Memory: how much is free, how much a process uses, and who uses more than allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MemoryLimit", "free_memory", "memory_used"]

GIB = 2**30
_SHARE = 0.9
_UNLIMITED = 2**60
_FIX = "give fewer rows at once (--rows, --batch-size)"
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class MemoryLimit:
    """Bytes that workers may use: each as stated, together most of the free memory.

    None means no limit. A backend reserves much more address space than it uses, so used pages are counted,
    several times a second.
    """

    each: int | None = None
    together: int | None = None

    @classmethod
    def of(cls, stated: float | None) -> MemoryLimit:
        """Return the user's limit in GiB for one worker, or else one for all together."""
        if stated is not None:
            return cls(each=int(stated * GIB))
        free = free_memory()
        return cls() if free is None else cls(together=int(free * _SHARE))

    def find_exceeded(self, workers: Iterable[int], *, shared: int = 0) -> tuple[int, str] | None:
        """Return a worker that uses too much memory, and the reason in words; None if none does.

        Args:
            workers: process ids.
            shared: bytes that every worker has in common with the process it was forked from.
        """
        used = {worker: memory_used(worker) for worker in workers}
        if not used:
            return None
        greatest = max(used, key=lambda worker: used[worker])
        most = used[greatest]
        if self.each is not None and most > self.each:
            size = f"{most / GIB:.3g} GiB of {self.each / GIB:.3g} GiB, memory_limit"
            return greatest, f"ran out of memory ({size}): raise --memory-limit, or {_FIX}"
        total = shared + sum(max(0, size - shared) for size in used.values())
        if self.together is not None and total > self.together:
            all_workers = f"all workers {total / GIB:.3g} of the {self.together / GIB:.3g} GiB free"
            size = f"{most / GIB:.3g} GiB, {all_workers}"
            return greatest, f"ran out of memory ({size}): free some, or {_FIX}"
        return None

    @property
    def largest_answer(self) -> int:
        """Greatest size of an answer in bytes: a worker cannot hold more than its memory."""
        return min(self.each or _UNLIMITED, self.together or _UNLIMITED)


def memory_used(process: int) -> int:
    """Return the bytes that a process uses, without mapped files; 0 if that is unknown."""
    try:
        _, resident, mapped, *_ = Path(f"/proc/{process}/statm").read_bytes().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(mapped)) * os.sysconf("SC_PAGE_SIZE")


def free_memory(proc: Path = Path("/proc"), cgroups: Path = _CGROUPS) -> int | None:
    """Return the bytes that this process and its children may still use, if known.

    The machine limits them, and so do the control groups of this process.
    """
    try:
        sizes = {
            name: int(kilobytes) * 1024
            for name, kilobytes in re.findall(r"(\w+):\s+(\d+) kB", (proc / "meminfo").read_text())
        }
        groups = (proc / "self" / "cgroup").read_text()
    except (OSError, ValueError):
        return None
    machine = sizes.get("MemAvailable", _UNLIMITED) + sizes.get("SwapFree", 0)
    free = min([machine, *_headrooms(groups, cgroups)])
    return max(0, free) if free < _UNLIMITED else None


def _headrooms(groups: str, cgroups: Path) -> Iterable[int]:
    """Yield what every control group above this process has left.

    In a container its own group is the topmost visible one.
    """
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        root, names = (cgroups / "memory", _VERSION_1) if controllers else (cgroups, _VERSION_2)
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group.is_relative_to(root):
                yield from _headroom(group, *names)


_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")


def _headroom(group: Path, limit: str, usage: str, reclaimable: str) -> Iterable[int]:
    try:
        most, used = (group / limit).read_text().strip(), int((group / usage).read_text())
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return
    if most.isdecimal() and int(most) < _UNLIMITED:
        yield int(most) - used + int(statistics.get(reclaimable, 0))
