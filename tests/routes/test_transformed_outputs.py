"""Functions that leave few values of outputs, calibrate them, or bend a line; and numbers that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.output_functions import find_function
from keras_consistency_cli.routes.transformed_outputs import sigmoid, softmax

RANDOM = np.random.default_rng(3)
LOGITS = RANDOM.normal(size=(60, 4))
CLASSES, CHANCES, VALUES = softmax(LOGITS), sigmoid(LOGITS[:, :1]), 50 + 3 * LOGITS
Change = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    ("outputs", "change", "words"),
    [
        (CLASSES, lambda y: np.eye(4)[y.argmax(axis=1)], "as a row of 0 and 1"),
        (CLASSES, lambda y: softmax(np.log(y) / 2.5), "multiplied by 0.4 before softmax"),
        (CHANCES, lambda y: sigmoid(1.7 * LOGITS[:, :1] - 0.4), "by 1.7, and -0.4 is added, before sigmoid"),
        (VALUES, np.round, "multiples of 1"),
        (VALUES, lambda y: 5 * np.round(y / 5), "multiples of 5"),
        (VALUES, lambda y: np.expm1(0.1 * y - 2), "expm1 of the outputs × 0.1 - 2"),
        (VALUES, lambda y: np.log(2 * y + 10), "the logarithm of the outputs × 2 + 10"),
        (VALUES, lambda y: np.square(0.5 * y), "the square of the outputs × 0.5"),
    ],
)
def test_a_function_is_recognised(outputs: np.ndarray, change: Change, words: str) -> None:
    found = find_function(change(outputs), outputs)
    assert found is not None
    assert words in found.text
    assert found.difference < 1e-6


@pytest.mark.parametrize(
    ("outputs", "given"),
    [
        (CLASSES, np.eye(4)[RANDOM.permutation(CLASSES.argmax(axis=1))]),
        (CLASSES, softmax(LOGITS / 2.5 + 0.1 * RANDOM.normal(size=LOGITS.shape))),
        (VALUES, np.round(VALUES + RANDOM.normal(size=VALUES.shape))),
        (VALUES, VALUES + np.sin(VALUES)),
        (VALUES, np.full_like(VALUES, 50.0)),
    ],
)
def test_other_numbers_are_no_function(outputs: np.ndarray, given: np.ndarray) -> None:
    found = find_function(given, outputs)
    assert found is None or found.difference > 1e-3
