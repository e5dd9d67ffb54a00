"""decisions: which decisions differ, how near each was to a different one, and how they are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.measurement.decisions import (
    DecisionCounts,
    count_changed_decisions,
    decision_margin,
    detect_decisions,
    find_changed_decisions,
)

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
def test_a_mask_marks_the_decisions_that_differ(
    candidate: Any, reference: Any, decision: Any, expected: list[Any]
) -> None:
    assert np.asarray(find_changed_decisions(candidate, reference, decision)).tolist() == expected


@pytest.mark.parametrize(("pixels", "changes"), [(1, False), (5, False), (6, True), (100, True)])
@pytest.mark.parametrize("decision", ["argmax", "threshold"])
def test_an_image_has_one_decision_that_a_few_pixels_do_not_change(
    pixels: int, changes: bool, decision: Any
) -> None:
    classes = 2 if decision == "argmax" else 1
    reference = np.zeros((2, 10, 10, classes))
    candidate = reference.copy()
    candidate[1].reshape(100, classes)[:pixels, -1] = 1.0
    changed = find_changed_decisions(candidate, reference, decision)
    assert np.asarray(changed).tolist() == [False, changes]


@pytest.mark.parametrize(("shape", "decision"), [((4,), "argmax"), ((4, 1), "argmax"), ((4, 3), None)])
def test_nothing_is_decided_without_a_choice(shape: tuple[int, ...], decision: Any) -> None:
    assert find_changed_decisions(np.zeros(shape), np.ones(shape), decision) is None


def test_margins() -> None:
    assert decision_margin(PROBABILITIES[0], (2,), "argmax") == pytest.approx(0.2)
    assert decision_margin(PROBABILITIES, (1, 0), "argmax") == pytest.approx(0.7)
    assert decision_margin(PROBABILITIES[0], (2,), "threshold") == pytest.approx(0.2)


def test_changed_decisions_are_counted_and_their_rows_named() -> None:
    changed, numbers = np.array([[False, False], [True, True], [False, True]]), np.array([10, 20, 30])
    expected = DecisionCounts(decisions=6, flipped=3, flipped_rows=(20, 30))
    assert count_changed_decisions(changed, numbers, 5) == expected
    assert count_changed_decisions(changed, numbers, 1).flipped_rows == (20,)
    assert count_changed_decisions(np.zeros((0, 2), bool), np.zeros(0, int), 5) == DecisionCounts()
    assert count_changed_decisions(None, np.zeros(3), 5) == DecisionCounts()


PROBABLE = np.tile(np.array([0.25, 0.75], np.float32), (8, 1))
HOLED = np.where(np.arange(8).reshape(-1, 1) == 3, np.float32("nan"), PROBABLE)
SCORES = np.arange(8.0, dtype=np.float32).reshape(-1, 1)


@pytest.mark.parametrize(
    ("outputs", "declared", "decision"),
    [
        (PROBABLE, None, "argmax"),
        (PROBABLE, "threshold", "threshold"),
        (SCORES, "threshold", "threshold"),
        (SCORES, None, None),
        (PROBABLE * 2, None, None),
        (np.tile(np.array([-1.0, 2.0], np.float32), (8, 1)), None, None),
        (np.full((8, 2), np.nan, np.float32), None, None),
        (HOLED, None, "argmax"),
        (np.ones((8, 1), np.float32), None, None),
        (np.tile([0, 1], (8, 1)), None, None),
    ],
)
def test_outputs_are_decided_as_declared_or_as_distributions(
    outputs: np.ndarray, declared: Any, decision: Any
) -> None:
    assert detect_decisions({"out": declared}, {"out": outputs}) == {"out": decision}
