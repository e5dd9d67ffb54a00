"""Cost of the recorder for each call of a model with one row, as a service calls it.

The time of the calling thread is measured, so that other programs on the machine do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import Figure, say
from keras_consistency_cli import record

__all__ = ["GOAL", "cost_of_a_call", "measure"]

GOAL = 50e-6
"""Seconds that a recorded call may take longer, raw rows included."""
_CALLS, _FEATURES = 5000, 20


def measure(*, quick: bool) -> list[Figure]:
    """Return the cost while the sample fills, and after that."""
    say("recorder: one row a call")
    rounds = 3 if quick else 9
    figures = []
    for words, rows in (("all calls kept", _CALLS * 2), ("1,000 rows kept", 1000)):
        seconds = cost_of_a_call(rows=rows, rounds=rounds)
        figures.append(
            Figure(
                what=f"recorder, {words}",
                measured=f"{seconds * 1e6:.0f} µs a call",
                against="without",
                ratio="",
                goal=f"{GOAL * 1e6:.0f} µs",
            )
        )
    return figures


def cost_of_a_call(*, rows: int, rounds: int) -> float:
    """Return the median of the seconds that a recorded call takes longer."""
    row = np.ones((1, _FEATURES), "float32")
    output = np.ones((1, 3), "float32")
    extra = []
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            model = record(lambda _: output, Path(folder) / "served.npz", rows=rows)

            def call_recorded() -> None:
                record.raw(row)
                model(row)  # noqa: B023 - called before the next round

            with_it = _timed(call_recorded)
            model.recorder.save()
        extra.append(with_it - _timed(lambda: output))
    return float(np.median(extra))


def _timed(call: Callable[[], object]) -> float:
    start = time.thread_time()
    for _ in range(_CALLS):
        call()
    return (time.thread_time() - start) / _CALLS
