"""measure_row_layout: which row continues a row, by the values at their ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.routes.sequences.alignment.row_layout import measure_row_layout

STEPS, BATCH = 6, 4
WALKS = np.cumsum(np.random.default_rng(0).normal(size=(BATCH, 15 * STEPS, 2)), axis=1)
INTERLEAVED = WALKS.reshape(BATCH, 15, STEPS, 2).swapaxes(0, 1).reshape(-1, STEPS, 2)
ONE_SERIES = np.cumsum(np.random.default_rng(1).normal(size=(60 * STEPS, 2)), axis=0).reshape(60, STEPS, 2)


def _measure(x: np.ndarray, *, batch: int = BATCH, generated: bool = False) -> Any:
    subject = SimpleNamespace(
        length=len(x),
        rows=lambda numbers: {"x": x[numbers]},
        sources=SimpleNamespace(data=None if generated else x),
    )
    session: Any = SimpleNamespace(batch_size=batch, subject=subject)
    return measure_row_layout(session)


def test_the_row_that_continues_a_row_is_near() -> None:
    interleaved, one = _measure(INTERLEAVED), _measure(ONE_SERIES)
    assert interleaved["gap_to_next_batch"] < 0.5 * interleaved["gap_to_next_row"]
    assert one["gap_to_next_row"] < 0.5 * one["gap_to_next_batch"]


def test_unrelated_rows_are_equally_far() -> None:
    gaps = _measure(np.random.default_rng(2).normal(size=(60, STEPS, 2)))
    assert 0.5 < gaps["gap_to_next_row"] / gaps["gap_to_next_batch"] < 2


@pytest.mark.parametrize(
    ("x", "more"),
    [
        (INTERLEAVED, {"generated": True}),
        (INTERLEAVED, {"batch": 1}),
        (INTERLEAVED[:5], {}),
        (np.arange(60).reshape(20, 3), {}),
        (np.where(np.arange(STEPS)[:, None] > 4, np.nan, INTERLEAVED), {}),
    ],
    ids=["generated", "one row", "few rows", "ids", "nan"],
)
def test_nothing_is_measured_where_rows_show_nothing(x: np.ndarray, more: dict[str, Any]) -> None:
    assert _measure(x, **more) == {}
