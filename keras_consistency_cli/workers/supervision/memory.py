"""Memory: what is free here, what a process holds, and which worker holds more than it may."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MemoryLimit", "free_memory", "held"]

GIB = 2**30
_SHARE = 0.9
_UNLIMITED = 2**60
_FEWER = "give fewer rows at once (--rows, --batch-size)"
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class MemoryLimit:
    """Bytes that workers may hold: each of them (as stated), all together (as much as was free). None where nothing is known.

    Address space is no measure: a backend reserves many times what it uses. So the pages that are in use are counted, several times a second.
    """

    each: int | None = None
    together: int | None = None

    @classmethod
    def of(cls, stated: float | None) -> MemoryLimit:
        """The limit in GiB that the user states for one worker; without one, most of what is free now for all of them."""
        if stated is not None:
            return cls(each=int(stated * GIB))
        free = free_memory()
        return cls() if free is None else cls(together=int(free * _SHARE))

    def beyond(self, workers: Iterable[int], *, shared: int = 0) -> tuple[int, str] | None:
        """A worker that holds more than it may, and that in words; None where all is well.

        Args:
            workers: process ids.
            shared: bytes that every worker has in common with the process it was forked from.
        """
        holding = {worker: held(worker) for worker in workers}
        if not holding:
            return None
        greatest = max(holding, key=lambda worker: holding[worker])
        most = holding[greatest]
        if self.each is not None and most > self.each:
            held_of = f"{most / GIB:.3g} GiB of {self.each / GIB:.3g} GiB, memory_limit"
            return greatest, f"ran out of memory ({held_of}): raise --memory-limit, or {_FEWER}"
        total = shared + sum(max(0, each - shared) for each in holding.values())
        if self.together is not None and total > self.together:
            held_of = f"{most / GIB:.3g} GiB, all workers {total / GIB:.3g} of the {self.together / GIB:.3g} GiB free"
            return greatest, f"ran out of memory ({held_of}): free some, or {_FEWER}"
        return None

    @property
    def answer(self) -> int:
        """Bytes that one answer may have: no worker can hold one beyond its memory."""
        return min(self.each or _UNLIMITED, self.together or _UNLIMITED)


def held(process: int) -> int:
    """Bytes of memory that a process has for itself, files that are mapped left out; 0 where it is gone or nobody can tell."""
    try:
        _, resident, mapped, *_ = Path(f"/proc/{process}/statm").read_bytes().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(mapped)) * os.sysconf("SC_PAGE_SIZE")


def free_memory(proc: Path = Path("/proc"), cgroups: Path = _CGROUPS) -> int | None:
    """Bytes that this process and its children may still take: of the machine, and of the control groups it is in; None where nothing says."""
    try:
        found = {
            name: int(kilobytes) * 1024
            for name, kilobytes in re.findall(r"(\w+):\s+(\d+) kB", (proc / "meminfo").read_text())
        }
        groups = (proc / "self" / "cgroup").read_text()
    except (OSError, ValueError):
        return None
    machine = found.get("MemAvailable", _UNLIMITED) + found.get("SwapFree", 0)
    free = min([machine, *_headrooms(groups, cgroups)])
    return max(0, free) if free < _UNLIMITED else None


def _headrooms(groups: str, cgroups: Path) -> Iterable[int]:
    """What every control group above this process has left; inside a container, its own is the root that can be seen."""
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
        kept = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return
    if most.isdecimal() and int(most) < _UNLIMITED:
        yield int(most) - used + int(kept.get(reclaimable, 0))
