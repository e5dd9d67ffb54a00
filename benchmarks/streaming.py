"""Time and memory of `kcheck run --rows all` by the number of rows and of groups of workers.

Rows are a sparse file: reading a hole takes as many pages as reading data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, duration, kcheck, say
from benchmarks.process_usage import Usage, watch_usage

__all__ = ["measure"]

_FEATURES = 10
_ROWS, _QUICK_ROWS = (100_000, 1_000_000, 10_000_000), (20_000, 40_000)
_COMPARED, _QUICK_COMPARED = 1_000_000, 40_000
_GROUPS = (2, 4)


def measure(*, quick: bool) -> list[Figure]:
    """Return the usage by rows, then by groups of workers on the same rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_model(folder)
        return list(
            _figures(folder, _QUICK_ROWS if quick else _ROWS, _QUICK_COMPARED if quick else _COMPARED)
        )


def _figures(folder: Path, sizes: tuple[int, ...], compared: int) -> Iterator[Figure]:
    used = {rows: _watch(folder, rows) for rows in sizes}
    smallest = used[sizes[0]]
    for rows, usage in used.items():
        yield _figure(rows, "", usage, against=smallest if rows != sizes[0] else None)
    for groups in _GROUPS:
        scheduler = ("--scheduler", f"local:{groups}")
        yield _figure(compared, " ".join(scheduler), _watch(folder, compared, *scheduler), used[compared])


def _write_model(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    keras.Sequential([keras.Input((_FEATURES,)), layers.Dense(64, activation="relu"), layers.Dense(1)]).save(
        folder / "model.keras"
    )


def _watch(folder: Path, rows: int, *scheduler: str) -> Usage:
    import numpy as np

    say(f"streaming: kcheck run --rows all on {rows} rows {' '.join(scheduler)}")
    data = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.float32, shape=(rows, _FEATURES))
    step = max(rows // 1000, 1)
    data[::step] = np.random.default_rng(0).normal(size=data[::step].shape)
    data.flush()
    del data
    limits = ("--timeout", "3600", "--select", "KC101")
    command = kcheck("run", "model.keras", "--data", "x.npy", "--rows", "all", *limits, *scheduler)
    return watch_usage(command, folder)


def _figure(rows: int, scheduler: str, usage: Usage, against: Usage | None) -> Figure:
    what = f"`kcheck run --rows all --select KC101 {scheduler}".rstrip()
    return Figure(
        what=f"{what}`, MLP {_FEATURES}-64-1, {rows:,} rows",
        measured=(
            f"{duration(usage.seconds)}, {rows / usage.seconds:,.0f} rows/s, "
            f"{duration(usage.cpu_seconds)} of CPU, {usage.peak_bytes / 1e9:.2f} GB"
        ),
        against="" if against is None else f"{duration(against.seconds)}, {against.peak_bytes / 1e9:.2f} GB",
        ratio="" if against is None else f"{usage.seconds / against.seconds:.2f} × the time",
    )
