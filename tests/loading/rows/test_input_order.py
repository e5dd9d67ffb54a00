"""Inputs in each other's place, by served rows and by reference rows."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.rows.input_order import swapped_inputs

RANDOM = np.random.default_rng(1)
LEFT, RIGHT = RANDOM.normal(size=(80, 4)), RANDOM.normal(size=(80, 4)) + 3.0


@pytest.mark.parametrize("exact", [True, False])
def test_only_a_different_order_that_fits_is_reported(exact: bool) -> None:
    swapped, right = {"a": RIGHT, "b": LEFT}, {"a": LEFT, "b": RIGHT}
    assert swapped_inputs(right, swapped, exact=exact) == {"a": "b", "b": "a"}
    assert swapped_inputs(right, right, exact=exact) == {}
    assert swapped_inputs(right, {"a": LEFT + 9, "b": RIGHT}, exact=exact) == {}
    assert swapped_inputs(right, {"a": RIGHT[:, :2], "b": LEFT}, exact=exact) == {}


def test_inputs_that_drifted_are_not_called_swapped() -> None:
    assert swapped_inputs({"a": LEFT, "b": LEFT + 0.3}, {"a": LEFT + 0.7, "b": LEFT}, exact=False) == {}
