"""decisions: where answers are decided differently, and how near each decision was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.measurement.decisions import counted, flips, margin

PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
NEXT = np.array([[0.2, 0.25, 0.55], [0.1, 0.1, 0.8]])


@pytest.mark.parametrize(
    ("candidate", "reference", "decision", "expected"),
    [
        (NEXT, PROBABILITIES, "argmax", [True, False]),
        (NEXT, PROBABILITIES, "threshold", [[False, True, True], [False, False, False]]),
        (NEXT[:, None], PROBABILITIES[:, None], "argmax", [[True], [False]]),
    ],
)
def test_where_decisions_differ(candidate: Any, reference: Any, decision: Any, expected: list[Any]) -> None:
    assert np.asarray(flips(candidate, reference, decision)).tolist() == expected


@pytest.mark.parametrize(("shape", "decision"), [((4,), "argmax"), ((4, 1), "argmax"), ((4, 3), None)])
def test_nothing_is_decided_where_there_is_nothing_to_choose(shape: tuple[int, ...], decision: Any) -> None:
    assert flips(np.zeros(shape), np.ones(shape), decision) is None


def test_margins() -> None:
    assert margin(PROBABILITIES[0], (2,), "argmax") == pytest.approx(0.2)
    assert margin(PROBABILITIES, (1, 0), "argmax") == pytest.approx(0.7)
    assert margin(PROBABILITIES[0], (2,), "threshold") == pytest.approx(0.2)


def test_counts_and_rows_by_their_numbers_in_the_data() -> None:
    flipped = np.array([[False, False], [True, True], [False, True]])
    assert counted(flipped, np.array([10, 20, 30]), 5) == {
        "decisions": 6,
        "flipped": 3,
        "flipped_rows": (20, 30),
    }
    assert counted(flipped, np.array([10, 20, 30]), 1)["flipped_rows"] == (20,)
    assert counted(np.zeros((0, 2), bool), np.zeros(0, int), 5) == {
        "decisions": 0,
        "flipped": 0,
        "flipped_rows": (),
    }
    assert counted(None, np.zeros(3), 5) == {}
