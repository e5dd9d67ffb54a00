"""Statistics of axes: time is smooth, features have levels of their own."""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.loading.rows.axes import AxisLooks, measure_axes, smoothness

RANDOM = np.random.default_rng(1)


def test_time_is_smooth_and_features_have_levels() -> None:
    walk = np.cumsum(RANDOM.normal(size=(50, 12, 4)), axis=1) + 40 * np.arange(4)
    looks = measure_axes(walk)
    assert looks.smooth[0] > 0.7 > 0.3 > abs(looks.smooth[1])
    assert looks.levels[1] > 0.9 > 0.1 > looks.levels[0]
    assert [len(centres) for centres in looks.centres] == [12, 4]


def test_constant_values_and_texts_have_no_looks() -> None:
    assert measure_axes(np.zeros((3, 4, 5))).levels == (0.0, 0.0)
    assert measure_axes(np.array([[["a"]]])) == AxisLooks()


def test_smoothness_is_measured_along_each_axis() -> None:
    pictures = np.cumsum(RANDOM.normal(size=(30, 9, 9)), axis=2)
    across, along = smoothness(pictures)
    assert along > 0.7 > 0.3 > abs(across)


def test_constant_values_and_texts_have_no_smoothness() -> None:
    assert smoothness(np.zeros((3, 2, 2, 2))) == (0.0, 0.0, 0.0)
    assert smoothness(np.array([[["a"]]])) == (0.0, 0.0)
