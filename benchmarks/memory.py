"""Memory and speed of `kcheck run --rows all` on a file that is larger than the memory it may use.

The memory of all processes is added up. Each page counts once, because the kernel divides shared pages among
the processes that share them. Pages of the data file are reported separately, because the system may drop
them at any time. Linux only.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import Figure, child_environment, kcheck, say

__all__ = ["Peak", "measure", "watch_memory"]

_FEATURES = 512
_ROWS, _QUICK_ROWS = 2_000_000, 20_000
_TRAINED_ROWS = 5000
_SLICE_ROWS, _QUICK_SLICE_ROWS = 200_000, 10_000
_PAUSE = 0.2
_SHARE = re.compile(rb"^Pss: +(\d+) kB", re.MULTILINE)
_ANONYMOUS = re.compile(rb"^(?:Pss_Anon|Pss_Shmem): +(\d+) kB", re.MULTILINE)

_SCALED = ("--select", "KC3,KC4,KC7", "--scaler", "scaler.joblib", "--reference", "train.npy")
"""The checks of scaling and data, which describe all raw rows, all scaled rows and all reference rows."""

_PREDICT = """
import pathlib, sys, time, numpy, keras
model = keras.models.load_model("model.keras")
rows = numpy.load("x.npy", mmap_mode="r")[: int(sys.argv[1])]
model.predict(rows[:32], batch_size=32, verbose=0)
start = time.perf_counter()
model.predict(rows, batch_size=32, verbose=0)
pathlib.Path("seconds").write_text(str(time.perf_counter() - start))
"""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The peak memory in bytes of all processes of a command, its duration and its exit code.

    `beyond_file` is all resident memory except the pages of the data file, with the libraries of the backend.
    `anonymous` is the memory that is not backed by a file.
    """

    beyond_file: int
    anonymous: int
    with_file: int
    seconds: float
    exit_code: int


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures of `model.predict(memmap)` on a part of a sparse file, and of kcheck on all of it.

    kcheck runs with one check, with all checks, and with the checks of scaling and data.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return [Figure(what="memory", measured="not measured: needs Linux's /proc")]
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), _QUICK_ROWS if quick else _ROWS
        _write_subject(folder, rows)
        predicted = _measure_predict(folder, _QUICK_SLICE_ROWS if quick else _SLICE_ROWS)
        selections: Sequence[Sequence[str]] = ((), _SCALED) if quick else (("--select", "KC101"), (), _SCALED)
        return [predicted, *(_measure_kcheck(folder, rows, selection) for selection in selections)]


def _write_subject(folder: Path, rows: int) -> None:
    """Save a small model with 512 features, a sparse file of rows, a scaler, and the rows of its fit.

    Reading a hole of a sparse file takes as many pages as reading data.
    """
    import joblib
    import keras
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    keras.utils.set_random_seed(0)
    layers = keras.layers
    keras.Sequential([keras.Input((_FEATURES,)), layers.Dense(32, activation="relu"), layers.Dense(1)]).save(
        folder / "model.keras"
    )
    data = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.float32, shape=(rows, _FEATURES))
    data[:: rows // 100] = np.random.default_rng(0).normal(size=(len(data[:: rows // 100]), _FEATURES))
    data.flush()
    train = np.random.default_rng(1).normal(size=(_TRAINED_ROWS, _FEATURES))
    np.save(folder / "train.npy", train)
    joblib.dump(StandardScaler().fit(train), folder / "scaler.joblib")


def _measure_predict(folder: Path, rows: int) -> Figure:
    say(f"memory: model.predict(memmap) on {rows} rows")
    peak = watch_memory([sys.executable, "-c", _PREDICT, str(rows)], folder)
    bytes_read, seconds = rows * _FEATURES * 4, float((folder / "seconds").read_text())
    return Figure(
        what=(
            "peak memory beyond the data file, `model.predict(memmap, batch_size=32)`, "
            f"{bytes_read / 1e9:.2g} GB of rows"
        ),
        measured=_gigabytes(peak),
        against=f"{bytes_read / 1e6 / seconds:.1f} MB/s of predict alone",
    )


def _measure_kcheck(folder: Path, rows: int, selection: Sequence[str]) -> Figure:
    checks = " ".join(selection) or "all checks"
    say(f"memory: kcheck run --rows all on {rows} rows, {checks}")
    peak = watch_memory(
        kcheck("run", "model.keras", "--data", "x.npy", "--rows", "all", "--timeout", "3600", *selection),
        folder,
    )
    bytes_read = rows * _FEATURES * 4
    return Figure(
        what=(
            f"peak memory beyond the data file, `kcheck run --rows all`, {checks}, {bytes_read / 1e9:.2g} GB "
            "memory-mapped"
        ),
        measured=_gigabytes(peak),
        against=(
            f"{bytes_read / 1e6 / peak.seconds:.1f} MB/s of the whole command, {peak.seconds:.0f} s, exit "
            f"code {peak.exit_code}"
        ),
        goal="≤ 1.5 GB",
    )


def _gigabytes(peak: Peak) -> str:
    return (
        f"{peak.beyond_file / 1e9:.2f} GB ({peak.anonymous / 1e9:.2f} GB anonymous; "
        f"{peak.with_file / 1e9:.2f} GB with the file's pages)"
    )


def watch_memory(command: Sequence[str], folder: Path) -> Peak:
    """Run a command in a folder that contains x.npy, and read the memory of its processes repeatedly.

    Raises:
        RuntimeError: the exit code is not 0, 1 or 3; the message ends with the last output of the command.
    """
    start = time.perf_counter()
    beyond = anonymous = whole = 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=child_environment(), stdout=output, stderr=output)
        while process.poll() is None:
            totals = [
                sum(column) for column in zip((0, 0, 0), *_shares(process.pid, folder / "x.npy"), strict=True)
            ]
            beyond, anonymous, whole = (
                max(beyond, totals[0] - totals[2]),
                max(anonymous, totals[1]),
                max(whole, totals[0]),
            )
            time.sleep(_PAUSE)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, 1, 3):
            output.seek(0)
            raise RuntimeError(
                f"exit code {process.returncode} of {command[1:]}: "
                f"{output.read()[-800:].decode(errors='replace')}"
            )
    return Peak(
        beyond_file=beyond,
        anonymous=anonymous,
        with_file=whole,
        seconds=seconds,
        exit_code=process.returncode,
    )


def _shares(pid: int, data: Path) -> Iterator[tuple[int, int, int]]:
    """Yield for each process its share in bytes of all memory, of anonymous memory, and of the data file."""
    with contextlib.suppress(psutil.Error):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()
                mapped = Path(f"/proc/{process.pid}/smaps").read_bytes()
                yield _sum_bytes(_SHARE, rollup), _sum_bytes(_ANONYMOUS, rollup), _of_file(mapped, data)


def _sum_bytes(pattern: re.Pattern[bytes], text: bytes) -> int:
    return 1024 * sum(map(int, pattern.findall(text)))


def _of_file(smaps: bytes, data: Path) -> int:
    """Return the share in bytes of all mappings of one file.

    The lines of a mapping follow the line that ends with its path.
    """
    return sum(
        _sum_bytes(_SHARE, part.partition(b"VmFlags:")[0]) for part in smaps.split(bytes(data) + b"\n")[1:]
    )
