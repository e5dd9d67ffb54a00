"""Functions behind a model: each is recognised, and noise is none of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.output_functions import find_function

OUTPUTS = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Change = Callable[[np.ndarray], np.ndarray]


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (softmax, "softmax is applied"),
        (lambda values: 1 / (1 + np.exp(-values)), "sigmoid is applied"),
        (lambda values: values * 100, "multiplied by 100"),
        (lambda values: values * 37.5 + 210, "multiplied by 37.5, and 210 is added"),
        (lambda values: values * [1, 2, 3] + [5, 6, 7], "multiplied by 1, 2, 3, and 5, 6, 7 is added"),
        (lambda values: values.clip(-0.5, 0.5), "cut to the range from -0.5 to 0.5"),
        (lambda values: values[:, [1, 2, 0]], "in the order 1, 2, 0"),
    ],
)
def test_a_function_is_recognised(change: Change, words: str) -> None:
    found = find_function(change(OUTPUTS).astype("float32"), OUTPUTS)
    assert found is not None
    assert words in found.text
    assert found.difference < 1e-5


def test_a_function_that_was_left_out_is_recognised() -> None:
    found = find_function(OUTPUTS, softmax(OUTPUTS))
    assert found is not None
    assert found.text.startswith("softmax is left out")
    assert found.difference < 1e-6


@pytest.mark.parametrize(
    "given",
    [
        np.random.default_rng(1).normal(size=(40, 3)),
        OUTPUTS + 0.01 * np.random.default_rng(1).normal(size=(40, 3)),
        OUTPUTS**2,
        np.zeros((40, 3)),
    ],
)
def test_other_numbers_are_no_function(given: np.ndarray) -> None:
    found = find_function(given, OUTPUTS)
    assert found is None or found.difference > 1e-3


@pytest.mark.parametrize("given", [OUTPUTS[:, 0], OUTPUTS[:, :2], OUTPUTS[:4], OUTPUTS * np.nan])
def test_what_cannot_be_compared(given: np.ndarray) -> None:
    assert find_function(given, OUTPUTS[: len(given)]) is None


def test_large_outputs_are_compared_without_warnings() -> None:
    found = find_function(OUTPUTS * 2000, OUTPUTS * 1000)
    assert found is not None
    assert found.text == "the outputs are multiplied by 2"


def test_an_order_of_many_columns_needs_little_memory() -> None:
    outputs = np.random.default_rng(0).normal(size=(100, 16, 64))
    tracemalloc.start()
    found = find_function(outputs[..., ::-1], outputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.text.startswith("the columns of the outputs are in the order 63, 62")
    assert peak < 12 * outputs.nbytes
