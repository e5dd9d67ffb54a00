"""Every operation's result is rounded to float32, inside layers as well."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from keras_consistency_cli.routes.numerics.op_hooks import rounding_operations

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
