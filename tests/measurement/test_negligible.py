"""What may be left of a difference."""

from __future__ import annotations

import pytest

from keras_consistency_cli.measurement.negligible import is_nothing_left


@pytest.mark.parametrize(
    ("left", "before", "nothing"),
    [(0.0, 0.5, True), (9e-5, 0.5, True), (2e-4, 0.5, False), (9e-5, 1e-3, False), (0.5, 0.5, False)],
    ids=["nothing", "rounding", "visible", "a part of little", "all"],
)
def test_both_limits_count(left: float, before: float, nothing: bool) -> None:
    assert is_nothing_left(left, before=before, scale=1.0) is nothing
