"""Wrong answers that belong to a different row."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.workers.endpoints.misplaced import find_misplaced
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer

RIGHT = {"y": np.arange(10.0).reshape(10, 1)}


@pytest.mark.parametrize(
    ("given", "sent", "expected"),
    [
        ([0, 1, 2], [0, 1, 2], (0, 0, 0)),
        ([2, 1, 0], [0, 1, 2], (2, 2, 2)),
        ([7, 8, 9], [0, 1, 2], (3, 0, 3)),
        ([0.5, 1, 2], [0, 1, 2], (1, 0, 0)),
        ([np.nan, 1, 2], [3, 1, 2], (1, 0, 1)),
    ],
)
def test_wrong_answers_are_counted(
    given: list[float], sent: list[int], expected: tuple[int, int, int]
) -> None:
    answers = {"y": Answer(values=np.array(given, float)[:, None])}
    found = find_misplaced(answers, RIGHT, np.array(sent))
    assert (found.wrong, found.inside, found.anywhere) == expected
