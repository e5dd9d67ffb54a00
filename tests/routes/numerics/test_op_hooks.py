"""Every operation's result is rounded to float32, inside layers as well."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from keras_consistency_cli.loading.model.copies.float64 import float64_everywhere
from keras_consistency_cli.routes.numerics.layer_outputs import round_to_float32
from keras_consistency_cli.routes.numerics.op_hooks import adding_in_sequence, rounding_operations

FAR = 1e6
VALUES = np.random.default_rng(0).normal(size=500)


def add_and_subtract() -> Any:
    return np.asarray((tf.constant(VALUES) + FAR) - FAR)


def test_every_operation_is_rounded_as_float32_would() -> None:
    narrow = VALUES.astype(np.float32)
    with rounding_operations():
        rounded = add_and_subtract()
    assert rounded.dtype == np.float64
    assert np.array_equal(rounded, ((narrow + np.float32(FAR)) - np.float32(FAR)).astype(np.float64))
    np.testing.assert_allclose(add_and_subtract(), VALUES, atol=1e-9)


def test_results_are_rounded_where_own_code_gets_float64_for_float32() -> None:
    numbers = tf.constant(VALUES)
    with float64_everywhere(), rounding_operations():
        rounded = np.asarray(numbers * 1.0)
        layer_output = np.asarray(round_to_float32(numbers))
    narrow = VALUES.astype(np.float32).astype(np.float64)
    assert np.array_equal(rounded, narrow)
    assert np.array_equal(layer_output, narrow)


def test_other_dtypes_and_compiled_functions_are_not_rounded() -> None:
    with rounding_operations():
        assert int(tf.constant(2**53 - 1, tf.int64) + 0) == 2**53 - 1
        compiled = np.asarray(tf.function(lambda x: (x + FAR) - FAR)(tf.constant(VALUES)))
    np.testing.assert_allclose(compiled, VALUES, atol=1e-6)


def test_an_exception_removes_the_hook() -> None:
    with pytest.raises(ValueError, match="boom"), rounding_operations():
        raise ValueError("boom")
    np.testing.assert_allclose(add_and_subtract(), VALUES, atol=1e-9)


def test_without_the_hooks_nothing_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.op_callbacks", None)
    with rounding_operations():
        np.testing.assert_allclose(add_and_subtract(), VALUES, atol=1e-9)


def test_sums_and_means_are_added_up_in_sequence() -> None:
    far = tf.constant(1200 + VALUES.reshape(5, 10, 10))
    total = np.zeros(5, np.float32)
    for numbers in np.asarray(far).reshape(5, -1).T:
        total = total + numbers.astype(np.float32)
    with adding_in_sequence():
        sums, means = tf.reduce_sum(far, (1, 2)), tf.reduce_mean(far, (1, -1), keepdims=True)
    assert np.array_equal(sums, total.astype(np.float64))
    assert np.array_equal(means, (total.astype(np.float64) / 100).reshape(5, 1, 1))
    np.testing.assert_allclose(tf.reduce_sum(far, (1, 2)), np.asarray(far).sum((1, 2)), rtol=1e-14)


@pytest.mark.parametrize(
    "values",
    [tf.zeros((0, 4), tf.float64), tf.constant([[1.0, 2.0**-30]], tf.float64), tf.constant([[1, 2, 3]])],
    ids=["none", "two", "integers"],
)
def test_sums_with_one_order_are_left_alone(values: Any) -> None:
    with adding_in_sequence():
        added = np.asarray(tf.reduce_sum(values, 1))
    assert np.array_equal(added, np.asarray(values).sum(axis=1))


def test_sums_are_rounded_in_sequence_next_to_other_operations() -> None:
    far = tf.constant(1200 + VALUES)
    with adding_in_sequence():
        alone = np.asarray(tf.reduce_mean(far))
    with adding_in_sequence(), rounding_operations():
        both = np.asarray(tf.reduce_mean(far))
    assert both == np.float32(alone)
