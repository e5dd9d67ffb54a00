"""What `kcheck run --rows all` holds in memory while it streams a file that is larger than it may use, and
how fast it streams.

All processes count, each page once: the kernel's proportional shares are added up, so that what forked
workers have in common is not counted twice. The pages of the data file itself, which the system may drop at
any time, are told apart. Linux only.
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

__all__ = ["Peak", "measure", "watched"]

_FEATURES = 512
_ROWS, _QUICK_ROWS = 2_000_000, 20_000
_TRAINED_ROWS = 5000
_SLICE_ROWS, _QUICK_SLICE_ROWS = 200_000, 10_000
_PAUSE = 0.2
_SHARE = re.compile(rb"^Pss: +(\d+) kB", re.MULTILINE)
_ANONYMOUS = re.compile(rb"^(?:Pss_Anon|Pss_Shmem): +(\d+) kB", re.MULTILINE)

_SCALED = ("--select", "KC3,KC4,KC7", "--scaler", "scaler.joblib", "--reference", "train.npy")
"""The checks of scaling and data, which describe all rows as they are given and as they are scaled, and all
reference rows.
"""

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
    """Greatest bytes seen at one moment over all processes of a command, and the seconds and exit code of the
    whole command.

    `beyond_file` is everything resident but the data file's pages, the backend's libraries included;
    `anonymous` is what no file backs.
    """

    beyond_file: int
    anonymous: int
    with_file: int
    seconds: float
    exit_code: int


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures of kcheck on the sparse file, with one check and with all, and of
    `model.predict(memmap)` on a slice of it.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return [Figure(what="memory", measured="not measured: needs Linux's /proc")]
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), _QUICK_ROWS if quick else _ROWS
        _write_subject(folder, rows)
        predicted = _predicted(folder, _QUICK_SLICE_ROWS if quick else _SLICE_ROWS)
        selections: Sequence[Sequence[str]] = ((), _SCALED) if quick else (("--select", "KC101"), (), _SCALED)
        return [predicted, *(_streamed(folder, rows, selection) for selection in selections)]


def _write_subject(folder: Path, rows: int) -> None:
    """A small model over 512 features and a file of zeros with a few rows written: reading a hole costs the
    pages that data would cost.

    Beside it lie a scaler and the rows that it was fitted on.
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


def _predicted(folder: Path, rows: int) -> Figure:
    say(f"memory: model.predict(memmap) on {rows} rows")
    peak = watched([sys.executable, "-c", _PREDICT, str(rows)], folder)
    bytes_read, seconds = rows * _FEATURES * 4, float((folder / "seconds").read_text())
    return Figure(
        what=(
            "peak memory beyond the data file, `model.predict(memmap, batch_size=32)`, "
            f"{bytes_read / 1e9:.2g} GB of rows"
        ),
        measured=_gigabytes(peak),
        against=f"{bytes_read / 1e6 / seconds:.1f} MB/s of predict alone",
    )


def _streamed(folder: Path, rows: int, selection: Sequence[str]) -> Figure:
    what = " ".join(selection) or "all checks"
    say(f"memory: kcheck run --rows all on {rows} rows, {what}")
    peak = watched(
        kcheck("run", "model.keras", "--data", "x.npy", "--rows", "all", "--timeout", "3600", *selection),
        folder,
    )
    bytes_read = rows * _FEATURES * 4
    return Figure(
        what=(
            f"peak memory beyond the data file, `kcheck run --rows all`, {what}, {bytes_read / 1e9:.2g} GB "
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


def watched(command: Sequence[str], folder: Path) -> Peak:
    """Run a command in a folder that holds x.npy and look at all its processes several times a second.

    Raises:
        RuntimeError: it ended with an exit code other than kcheck's 0, 1 and 3; the message ends with what it
            last said.
    """
    start = time.perf_counter()
    beyond = anonymous = whole = 0
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, cwd=folder, env=child_environment(), stdout=told, stderr=told)
        while process.poll() is None:
            now = [
                sum(column) for column in zip((0, 0, 0), *_shares(process.pid, folder / "x.npy"), strict=True)
            ]
            beyond, anonymous, whole = (
                max(beyond, now[0] - now[2]),
                max(anonymous, now[1]),
                max(whole, now[0]),
            )
            time.sleep(_PAUSE)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, 1, 3):
            told.seek(0)
            raise RuntimeError(
                f"exit code {process.returncode} of {command[1:]}: "
                f"{told.read()[-800:].decode(errors='replace')}"
            )
    return Peak(
        beyond_file=beyond,
        anonymous=anonymous,
        with_file=whole,
        seconds=seconds,
        exit_code=process.returncode,
    )


def _shares(pid: int, data: Path) -> Iterator[tuple[int, int, int]]:
    """By process: proportional bytes of everything, of what no file backs, and of the data file."""
    with contextlib.suppress(psutil.Error):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()
                mapped = Path(f"/proc/{process.pid}/smaps").read_bytes()
                yield _added(_SHARE, rollup), _added(_ANONYMOUS, rollup), _of_file(mapped, data)


def _added(pattern: re.Pattern[bytes], text: bytes) -> int:
    return 1024 * sum(map(int, pattern.findall(text)))


def _of_file(smaps: bytes, data: Path) -> int:
    """The shares of all mappings of one file: each mapping's own lines follow the line that ends with its
    path.
    """
    return sum(
        _added(_SHARE, part.partition(b"VmFlags:")[0]) for part in smaps.split(bytes(data) + b"\n")[1:]
    )
