"""Recorded outputs of other rows or time steps."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.persistence.recordings.recorded_places import describe_places

SERIES = np.random.default_rng(0).normal(size=(20, 9, 2))
ROWS = SERIES[:, 0]
REPEATED = ROWS[[*range(18), 3, 4]]


@pytest.mark.parametrize(
    ("recorded", "today"),
    [
        (SERIES[:, ::-1], SERIES),
        (np.roll(SERIES, 1, axis=1), SERIES),
        (np.roll(SERIES, -2, axis=1), SERIES),
        (REPEATED, ROWS),
        (np.roll(ROWS, 1, axis=0), ROWS),
    ],
)
def test_other_places_are_described(recorded: np.ndarray, today: np.ndarray) -> None:
    assert describe_places(recorded, today)


def test_the_rows_are_named() -> None:
    words = describe_places(REPEATED, ROWS) or ""
    assert "2 of 20 rows" in words
    assert "row 18 has those of row 3" in words


@pytest.mark.parametrize(
    ("recorded", "today"),
    [
        (ROWS, ROWS),
        (ROWS + np.eye(20, 2), ROWS),
        (ROWS[::-1] + 0.01, ROWS),
        (np.roll(SERIES, 5, axis=1), SERIES),
        (np.zeros((20, 1)), np.repeat([[0.0], [1.0]], 10, axis=0)),
    ],
)
def test_other_numbers_have_no_places(recorded: np.ndarray, today: np.ndarray) -> None:
    assert describe_places(recorded, today) is None
