"""Time and memory of `kcheck fleet` on small models, compared with as many single runs. Linux only.

CPU seconds are the fairer figure on a machine that does other things too. The memory of a fleet with two jobs
is compared with that of two single runs at the same time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import Figure, kcheck, say
from benchmarks.process_usage import Usage, watch_usage

__all__ = ["measure"]

_MODELS, _QUICK_MODELS = 100, 8
_JOBS = 2


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures of a fleet and of single runs of the same models."""
    with tempfile.TemporaryDirectory() as name:
        folder, count = Path(name), _QUICK_MODELS if quick else _MODELS
        models = _save_models(folder, count)
        fleet = _fleet(folder, models)
        say(f"fleet: {count} single runs")
        single = [watch_usage(kcheck("run", model, "--quiet"), folder) for model in models]
        say(f"fleet: {_JOBS} single runs at the same time")
        with ThreadPoolExecutor(_JOBS) as pool:
            together = list(
                pool.map(lambda model: watch_usage(kcheck("run", model, "--quiet"), folder), models[:_JOBS])
            )
    return [
        _figure("wall time", count, fleet.seconds, sum(usage.seconds for usage in single), goal="≤ 0.35 ×"),
        _figure("CPU time", count, fleet.cpu_seconds, sum(usage.cpu_seconds for usage in single), goal=""),
        _memory(fleet, together),
    ]


def _fleet(folder: Path, models: list[str]) -> Usage:
    say(f"fleet: {len(models)} models, {_JOBS} at the same time")
    return watch_usage(kcheck("fleet", *models, "--quiet", "--jobs", str(_JOBS)), folder)


def _figure(what: str, count: int, mine: float, theirs: float, goal: str) -> Figure:
    return Figure(
        what=f"{what} of `kcheck fleet --jobs {_JOBS}` on {count} small models, against {count} single runs",
        measured=f"{mine:.0f} s",
        against=f"{theirs:.0f} s",
        ratio=f"{mine / theirs:.2f} ×",
        goal=goal,
    )


def _memory(fleet: Usage, together: list[Usage]) -> Figure:
    theirs = sum(usage.peak_bytes for usage in together)
    return Figure(
        what=f"peak memory of all processes of `kcheck fleet --jobs {_JOBS}`, against {_JOBS} single runs",
        measured=f"{fleet.peak_bytes / 1e6:.0f} MB",
        against=f"{theirs / 1e6:.0f} MB",
        ratio=f"{fleet.peak_bytes / theirs:.2f} ×",
        goal="≤ 1.3 ×",
    )


def _save_models(folder: Path, count: int) -> list[str]:
    """Save small models of four kinds; return their names."""
    subprocess.run([sys.executable, "-c", _SAVE, str(folder), str(count)], check=True, capture_output=True)
    return [f"{place:03d}/model.keras" for place in range(count)]


_SAVE = """
import pathlib, sys, keras
from keras import layers
kinds = (
    lambda: [keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")],
    lambda: [keras.Input((12, 12, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten(),
             layers.Dense(2)],
    lambda: [keras.Input((6, 4)), layers.LSTM(8), layers.Dense(1)],
    lambda: [keras.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)],
)
for place in range(int(sys.argv[2])):
    folder = pathlib.Path(sys.argv[1]) / f"{place:03d}"
    folder.mkdir()
    keras.utils.set_random_seed(place)
    keras.Sequential(kinds[place % len(kinds)]()).save(folder / "model.keras")
"""
