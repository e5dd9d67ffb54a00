"""Deadlines: an answer's own, the whole run's, and the words for either. Moments are given, never waited for."""

from __future__ import annotations

import time

import pytest

from keras_consistency_cli.workers import deadline
from keras_consistency_cli.workers.deadline import Deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment it is taken to be."""
    now = [100.0]
    monkeypatch.setattr(deadline.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("total", "now", "ends"),
    [(None, 100.0, 105.0), (60.0, 100.0, 105.0), (60.0, 158.0, 160.0), (3.0, 100.0, 103.0)],
)
def test_the_nearer_of_both_ends_counts(
    total: float | None, now: float, ends: float, clock: list[float]
) -> None:
    limits = Deadline(answer=5.0, total=total, began=100.0)
    clock[0] = now
    assert limits.next() == ends


def test_which_of_both_was_missed_is_told(clock: list[float]) -> None:
    limits = Deadline(answer=5.0, total=60.0, began=100.0)
    clock[0] = 159.9
    assert (limits.over, limits.words()) == (False, "no answer within 5 s (--timeout)")
    clock[0] = 160.0
    assert (limits.over, limits.words()) == (True, "the run's 60 s were over (--total-timeout)")


def test_without_a_limit_a_run_is_never_over() -> None:
    assert not Deadline(answer=5.0, began=time.monotonic() - 1e9).over


@pytest.mark.parametrize(
    ("answer", "total", "ends"), [(8.0, None, 60.0), (600.0, None, 600.0), (8.0, 20.0, 20.0)]
)
def test_a_backend_that_starts_has_a_minute_unless_the_run_has_less(
    answer: float, total: float | None, ends: float, clock: list[float]
) -> None:
    began = clock[0]
    assert Deadline(answer=answer, total=total, began=began).start() == began + ends
