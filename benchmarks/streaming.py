"""Time and memory of `kcheck run --rows all` by the number of rows and of groups of workers.

Rows are a sparse file: reading a hole takes as many pages as reading data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Figure, duration, kcheck, say
from benchmarks.process_usage import Usage, watch_usage

__all__ = ["measure"]

_FEATURES = 10
_GROUPS = (2, 4)


@dataclass(frozen=True, kw_only=True)
class _Series:
    """Options of the command, numbers of rows, and the number that is also checked by several groups."""

    options: tuple[str, ...]
    rows: tuple[int, ...]
    compared: int


_SERIES = (
    _Series(
        options=("--select", "KC602", "--batch-size", "4096"),
        rows=(100_000, 1_000_000, 10_000_000, 100_000_000),
        compared=100_000_000,
    ),
    _Series(options=("--select", "KC101"), rows=(100_000, 1_000_000, 10_000_000), compared=1_000_000),
)
_QUICK_SERIES = (_Series(options=("--select", "KC101"), rows=(20_000, 40_000), compared=40_000),)


def measure(*, quick: bool) -> list[Figure]:
    """Return the usage by rows, then by groups of workers on the same rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_model(folder)
        return [
            figure
            for series in (_QUICK_SERIES if quick else _SERIES)
            for figure in _measure_series(folder, series)
        ]


def _measure_series(folder: Path, series: _Series) -> Iterator[Figure]:
    used = {rows: _watch(folder, rows, *series.options) for rows in series.rows}
    smallest = used[series.rows[0]]
    for rows, usage in used.items():
        yield _figure(rows, series.options, usage, against=None if usage is smallest else smallest)
    for groups in _GROUPS:
        options = (*series.options, "--scheduler", f"local:{groups}")
        usage = _watch(folder, series.compared, *options)
        yield _figure(series.compared, options, usage, used[series.compared])


def _write_model(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    keras.Sequential([keras.Input((_FEATURES,)), layers.Dense(64, activation="relu"), layers.Dense(1)]).save(
        folder / "model.keras"
    )


def _watch(folder: Path, rows: int, *options: str) -> Usage:
    import numpy as np

    say(f"streaming: kcheck run --rows all {' '.join(options)} on {rows:,} rows")
    data = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.float32, shape=(rows, _FEATURES))
    step = max(rows // 1000, 1)
    data[::step] = np.random.default_rng(0).normal(size=data[::step].shape)
    data.flush()
    del data
    command = kcheck("run", "model.keras", "--data", "x.npy", "--rows", "all", "--timeout", "3600", *options)
    return watch_usage(command, folder)


def _figure(rows: int, options: tuple[str, ...], usage: Usage, against: Usage | None) -> Figure:
    what = f"`kcheck run --rows all {' '.join(options)}"
    return Figure(
        what=f"{what}`, MLP {_FEATURES}-64-1, {rows:,} rows",
        measured=(
            f"{duration(usage.seconds)}, {rows / usage.seconds:,.0f} rows/s, "
            f"{duration(usage.cpu_seconds)} of CPU, {usage.peak_bytes / 1e9:.2f} GB"
        ),
        against="" if against is None else f"{duration(against.seconds)}, {against.peak_bytes / 1e9:.2f} GB",
        ratio="" if against is None else f"{usage.seconds / against.seconds:.2f} × the time",
    )
