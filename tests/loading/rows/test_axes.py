"""Statistics of axes: time is smooth, features have levels of their own."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.rows.axes import (
    AxisLooks,
    MovedAxes,
    find_moved_axes,
    measure_axes,
    smoothness,
)

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


def pictures(height: int, width: int, rows: int = 40) -> np.ndarray:
    """Bright at the top, with three channels of different levels."""
    level = np.linspace(1, 0, height)[:, None, None] * np.ones((height, width, 3)) + 5 * np.arange(3)
    return level + RANDOM.normal(0, 0.2, (rows, height, width, 3))


def test_exchanged_axes_are_found_for_equal_and_for_different_sizes() -> None:
    for sizes in ((9, 9), (9, 14)):
        rows, reference = pictures(*sizes), pictures(*sizes)
        assert find_moved_axes(rows.swapaxes(1, 2), reference) == MovedAxes(axes=(1, 2))
        assert find_moved_axes(rows, reference) is None


def test_channels_on_the_axis_of_rows_are_found() -> None:
    assert find_moved_axes(np.swapaxes(pictures(9, 14), 1, 3), pictures(9, 14)) == MovedAxes(axes=(1, 3))


def test_axes_stay_without_a_pattern_and_for_photos_of_another_shape() -> None:
    noise = RANDOM.normal(size=(2, 40, 9, 9, 1))
    assert find_moved_axes(noise[0].swapaxes(1, 2), noise[1]) is None
    assert find_moved_axes(pictures(14, 9), pictures(9, 14)) is None
    assert find_moved_axes(np.ones((4, 5, 6, 1)), np.ones((4, 6, 5, 1))) is None


def test_texts_series_and_other_ranks_are_not_compared() -> None:
    assert find_moved_axes(np.full((2, 3, 4, 5), "a"), np.full((2, 4, 3, 5), "a")) is None
    assert find_moved_axes(np.ones((2, 3, 4)), np.ones((2, 4, 3))) is None
    assert find_moved_axes(np.ones((0, 3, 4, 5)), np.ones((2, 4, 3, 5))) is None


@pytest.mark.parametrize("quarters", [1, 3])
def test_rotated_images_are_turned_back(quarters: int) -> None:
    corner = np.outer(np.linspace(0, 1, 11) ** 3, np.linspace(1, 0, 11) ** 2)[..., None]
    rows, reference = (corner + RANDOM.normal(0, 0.1, (30, 11, 11, 1)) for _ in range(2))
    moved = find_moved_axes(np.rot90(rows, -quarters, axes=(1, 2)), reference)
    assert moved == MovedAxes(axes=(1, 2), quarters=quarters)


def test_inverted_colours_and_mirrored_images_are_left_alone() -> None:
    rows, reference = pictures(11, 11), pictures(11, 11)
    assert find_moved_axes(-rows, reference) is None
    assert find_moved_axes(rows[:, ::-1], reference) is None
