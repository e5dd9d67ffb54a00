"""deadline: the limit of one answer and that of the whole run; the time is set, never waited for."""

from __future__ import annotations

import time

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.workers import deadline
from keras_consistency_cli.workers.deadline import Deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The current time."""
    now = [100.0]
    monkeypatch.setattr(deadline.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("total", "now", "ends"),
    [(None, 100.0, 105.0), (60.0, 100.0, 105.0), (60.0, 158.0, 160.0), (3.0, 100.0, 103.0)],
)
def test_the_earlier_end_counts(total: float | None, now: float, ends: float, clock: list[float]) -> None:
    limits = Deadline(answer=5.0, total=total, began=100.0)
    clock[0] = now
    assert limits.next() == ends


@pytest.mark.parametrize(("now", "over"), [(159.9, False), (160.0, True)], ids=["answer", "run"])
def test_the_reason_names_the_limit_that_was_missed(
    now: float, over: bool, clock: list[float], wording: SnapshotAssertion
) -> None:
    limits = Deadline(answer=5.0, total=60.0, began=100.0)
    clock[0] = now
    assert limits.over is over
    assert limits.reason() == wording


def test_without_a_limit_a_run_is_never_over() -> None:
    assert not Deadline(answer=5.0, began=time.monotonic() - 1e9).over


@pytest.mark.parametrize(
    ("answer", "total", "ends"), [(8.0, None, 60.0), (600.0, None, 600.0), (8.0, 20.0, 20.0)]
)
def test_a_starting_backend_has_a_minute_unless_the_run_has_less(
    answer: float, total: float | None, ends: float, clock: list[float]
) -> None:
    began = clock[0]
    assert Deadline(answer=answer, total=total, began=began).start() == began + ends
