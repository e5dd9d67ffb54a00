"""Axes of time and of features look different, and a different order of inputs is found."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.rows.axes import describe_axes, find_input_order, measure_smoothness

RANDOM = np.random.default_rng(1)
LEFT, RIGHT = RANDOM.normal(size=(80, 4)), RANDOM.normal(size=(80, 4)) + 3.0


@pytest.mark.parametrize("exact", [True, False])
def test_the_order_of_swapped_inputs_is_found(exact: bool) -> None:
    swapped, correct = {"a": RIGHT, "b": LEFT}, {"a": LEFT, "b": RIGHT}
    assert find_input_order(correct, swapped, exact=exact) == {"a": "b", "b": "a"}
    assert find_input_order(correct, correct, exact=exact) == {}
    assert find_input_order(correct, {"a": LEFT + 9, "b": RIGHT}, exact=exact) == {}
    assert find_input_order(correct, {"a": RIGHT[:, :2], "b": LEFT}, exact=exact) == {}


def test_inputs_with_drift_are_not_reported_as_swapped() -> None:
    assert find_input_order({"a": LEFT, "b": LEFT + 0.3}, {"a": LEFT + 0.7, "b": LEFT}, exact=False) == {}


def test_axes_of_series_have_different_looks() -> None:
    walk = np.cumsum(RANDOM.normal(size=(50, 12, 4)), axis=1) + 40 * np.arange(4)
    looks = describe_axes(walk)
    assert looks["smooth"][0] > 0.7 > 0.3 > abs(looks["smooth"][1])
    assert looks["levels"][1] > 0.9 > 0.1 > looks["levels"][0]
    assert (
        describe_axes(np.zeros((3, 4, 5)))["levels"]
        == describe_axes(np.array([[["a"]]]))["levels"]
        == (0.0, 0.0)
    )


def test_values_without_variation_have_no_smoothness() -> None:
    assert measure_smoothness(np.zeros((3, 2, 2, 2))) == (0.0, 0.0, 0.0)
    assert measure_smoothness(np.array([[["a"]]])) == (0.0, 0.0)
