"""memory: limits on simulated machines, and the memory of a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.workers.supervision import memory
from keras_consistency_cli.workers.supervision.memory import MemoryLimit, free_memory, memory_used

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read in /proc")
GIB = 2**30


def machine(root: Path, groups: str, available: int, swap: int = 0, **files: str) -> tuple[Path, Path]:
    """Write /proc and /sys/fs/cgroup of a machine."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(
        f"MemTotal: 99 kB\nMemAvailable:   {available // 1024} kB\nSwapFree: {swap // 1024} kB\n"
    )
    (root / "proc" / "self" / "cgroup").write_text(groups)
    for name, content in files.items():
        path = root / "sys" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root / "proc", root / "sys"


def version_2(folder: str, most: str, used: int, cached: int) -> dict[str, str]:
    return {
        f"{folder}memory_dot_max": most,
        f"{folder}memory_dot_current": str(used),
        f"{folder}memory_dot_stat": f"anon 1\ninactive_file {cached}\n",
    }


def test_without_groups_the_machine_counts(tmp_path: Path) -> None:
    assert free_memory(*machine(tmp_path, "0::/\n", 8 * GIB, GIB)) == 9 * GIB


def test_the_narrowest_group_counts_and_its_page_cache_is_free(tmp_path: Path) -> None:
    files = {
        **version_2("", "max\n", 5, 0),
        **version_2("a__", f"{4 * GIB}\n", 3 * GIB, GIB),
        **version_2("a__b__", f"{6 * GIB}\n", GIB, 0),
    }
    assert free_memory(*machine(tmp_path, "0::/a/b\n", 8 * GIB, **files)) == 2 * GIB


def test_the_first_version_of_groups_counts_too(tmp_path: Path) -> None:
    files = {
        "memory__x__memory_dot_limit_in_bytes": str(3 * GIB),
        "memory__x__memory_dot_usage_in_bytes": str(2 * GIB),
        "memory__x__memory_dot_stat": "total_inactive_file 1024",
        "memory__memory_dot_limit_in_bytes": "9223372036854771712",
        "memory__memory_dot_usage_in_bytes": "5",
        "memory__memory_dot_stat": "cache 1",
    }
    assert free_memory(*machine(tmp_path, "4:cpu:/x\n3:memory:/x\n", 8 * GIB, **files)) == GIB + 1024


def test_a_full_group_leaves_no_memory(tmp_path: Path) -> None:
    assert free_memory(*machine(tmp_path, "0::/\n", 8 * GIB, **version_2("", str(GIB), 2 * GIB, 0))) == 0


def test_without_information_nothing_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_memory(tmp_path / "none") is None
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert MemoryLimit.of(None) == MemoryLimit()
    assert MemoryLimit.of(1.5) == MemoryLimit(each=3 * 2**29)


def test_all_workers_together_may_use_most_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 10 * GIB)
    assert MemoryLimit.of(None) == MemoryLimit(together=9 * GIB)
    assert MemoryLimit.of(None).largest_answer == 9 * GIB


@pytest.mark.parametrize(
    ("limit", "worker"),
    [
        (MemoryLimit(), None),
        (MemoryLimit(each=4 * GIB), None),
        (MemoryLimit(each=2 * GIB), 2),
        (MemoryLimit(together=4 * GIB), None),
        (MemoryLimit(together=3 * GIB), 2),
    ],
    ids=["no limit", "within each", "beyond each", "within together", "beyond together"],
)
def test_the_greatest_worker_is_named(
    limit: MemoryLimit, worker: int | None, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    """Workers of 2 and 3 GiB, 1 GiB of which they have in common.

    Other process ids: the watchdog of a fork server that tests share may run at the same time.
    """
    monkeypatch.setattr(memory, "memory_used", lambda worker: {1: 2 * GIB, 2: 3 * GIB}.get(worker, 0))
    exceeded = limit.find_exceeded([1, 2], shared=GIB)
    assert (exceeded[0] if exceeded else None) == worker
    assert limit.find_exceeded([], shared=GIB) is None
    assert (exceeded[1] if exceeded else None) == wording


def test_reserved_memory_does_not_count_before_it_is_used() -> None:
    reserve = "import mmap, sys; m = mmap.mmap(-1, 2**28, flags=2); print(flush=True); input()"
    code = f"{reserve}; x = b'x' * 2**28; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        reserved = memory_used(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        filled = memory_used(process.pid)
        process.kill()
    assert reserved < 2**27
    assert 2**28 <= filled - reserved < 2**28 + 2**24
    assert memory_used(process.pid) == 0
    assert memory_used(os.getpid()) > 0
