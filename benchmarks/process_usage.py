"""Duration, CPU time and memory of a command with all of its processes. Linux only."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import child_environment

__all__ = ["Usage", "watch_usage"]

_PAUSE = 0.25


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command needed: wall seconds, CPU seconds of all processes, and their peak memory in bytes.

    Pages that processes share count once.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: float


def watch_usage(command: Sequence[str], folder: Path) -> Usage:
    """Run a command in a folder and read the usage of its processes repeatedly.

    The CPU time of a process after the last reading, at most a quarter of a second, is not counted.

    Raises:
        RuntimeError: the exit code is not 0; the message ends with the last output of the command.
    """
    cpu: dict[int, float] = {}
    start, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=child_environment(), stdout=output, stderr=output)
        while process.poll() is None:
            memory = 0.0
            for pid, seconds, share in _read_processes(process.pid):
                cpu[pid] = seconds
                memory += share
            peak = max(peak, memory)
            time.sleep(_PAUSE)
        elapsed = time.perf_counter() - start
        if process.returncode != 0:
            output.seek(0)
            text = output.read()[-800:].decode(errors="replace")
            raise RuntimeError(f"exit code {process.returncode} of {' '.join(command[1:])}: {text}")
    return Usage(seconds=elapsed, cpu_seconds=sum(cpu.values()), peak_bytes=peak)


def _read_processes(pid: int) -> Iterator[tuple[int, float, int]]:
    """Yield for each process its number, its CPU seconds and its share of memory in bytes."""
    with contextlib.suppress(psutil.Error):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(OSError, psutil.Error):
                times = process.cpu_times()
                yield process.pid, times.user + times.system, process.memory_full_info().pss
