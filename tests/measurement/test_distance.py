"""Each distance and its rule for NaN."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.measurement import distance
from keras_consistency_cli.measurement.distance import NanRule

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("kind", "numeric", "float_or_integer", "is_float", "integer", "text"),
    [
        ("float32", True, True, True, False, False),
        ("int64", True, True, False, True, False),
        ("uint8", True, True, False, True, False),
        ("bool", True, False, False, False, False),
        ("U3", False, False, False, False, True),
        ("S3", False, False, False, False, True),
        ("O", False, False, False, False, False),
    ],
)
def test_a_dtype_is_classified(
    kind: str, numeric: bool, float_or_integer: bool, is_float: bool, integer: bool, text: bool
) -> None:
    dtype = np.dtype(kind)
    assert distance.is_numeric(dtype) is numeric
    assert distance.is_float_or_integer(dtype) is float_or_integer
    assert distance.is_float(dtype) is is_float
    assert distance.is_integer(dtype) is integer
    assert distance.is_text(dtype) is text


def test_the_same_bits_need_the_same_sign_of_zero_and_the_same_dtype() -> None:
    values = np.array([0.0, NAN])
    assert distance.same_bits(values, values.copy())
    assert not distance.same_bits(values, np.array([-0.0, NAN]))
    assert not distance.same_bits(np.zeros(2, np.float32), np.zeros(2, np.int32))
    assert not distance.same_bits(np.zeros(2), np.zeros((2, 1)))


def test_the_same_values_allow_either_sign_of_zero_and_nan() -> None:
    assert distance.same_values(np.array([0.0, NAN]), np.array([-0.0, NAN]))
    assert distance.same_values(np.array(["a"]), np.array(["a"]))
    assert not distance.same_values(np.zeros(2), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("rule", "both_nan", "one_nan", "both_infinite", "one_infinite"),
    [
        ("equal", 0.0, INF, 0.0, INF),
        ("infinite", INF, INF, INF, INF),
        ("skip", 0.0, 0.0, 0.0, INF),
        ("finite", 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_the_rule_for_nan_decides(
    rule: NanRule, both_nan: float, one_nan: float, both_infinite: float, one_infinite: float
) -> None:
    candidate, reference = np.array([NAN, NAN, INF, INF, 3.0]), np.array([NAN, 1.0, INF, 1.0, 1.0])
    expected = [both_nan, one_nan, both_infinite, one_infinite, 2.0]
    assert distance.abs_differences(candidate, reference, nan=rule).tolist() == expected
    assert distance.max_abs_difference(candidate, reference, nan=rule) == max(expected)


def test_integers_are_subtracted_in_float64() -> None:
    assert distance.max_abs_difference(np.array([0], np.uint8), np.array([3], np.uint8), nan="equal") == 3.0


def test_a_maximum_over_nothing_is_zero_and_over_other_shapes_infinite() -> None:
    assert distance.max_abs_difference(np.zeros(0), np.zeros(0), nan="equal") == 0.0
    assert distance.max_abs_difference(np.zeros(2), np.zeros(3), nan="equal") == INF


def test_text_is_equal_or_infinitely_far_away() -> None:
    assert distance.max_abs_difference(np.array(["a"]), np.array(["a"]), nan="equal") == 0.0
    assert distance.max_abs_difference(np.array(["a"]), np.array(["b"]), nan="equal") == INF


def test_a_relative_difference_is_a_share_of_the_greatest_reference_value() -> None:
    reference = np.array([[1.0, -4.0], [2.0, 0.0]])
    candidate = reference + np.array([[0.0, 1.0], [2.0, 0.0]])
    assert distance.relative_difference(candidate, reference) == 0.5
    assert distance.relative_difference(candidate, reference, np.array([True, False])) == 0.25
    assert distance.relative_difference(np.full(2, 3.0), np.zeros(2)) == 3.0
    assert distance.relative_difference(np.zeros(2), np.zeros(3)) == INF
    assert distance.relative_difference(np.ones(2, int), np.zeros(2, int)) == 0.0
    assert distance.relative_difference(np.array([NAN, 1.0]), np.array([2.0, 1.0])) == 0.0


def test_root_mean_squares_keep_nan() -> None:
    assert distance.rms_difference(np.array([3.0, 4.0]), np.zeros(2)) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(distance.rms_difference(np.array([NAN, 4.0]), np.zeros(2)))
    assert distance.rms_difference(np.zeros(0), np.zeros(0)) == 0.0
    assert distance.relative_rms_difference(np.full(4, 3.0), np.full(4, 2.0)) == 0.5
    assert distance.relative_rms_difference(np.full(4, 3.0), np.zeros(4)) == 0.0
    assert distance.relative_rms_difference(np.full(4, 3), np.full(4, 2)) == 0.0


def test_a_row_mask_broadcasts_with_its_rows() -> None:
    mask = np.array([True, False])
    assert distance.expand_row_mask(mask, np.zeros((2, 3, 4))).shape == (2, 1, 1)
    assert distance.expand_row_mask(mask, np.zeros(2)).shape == (2,)
