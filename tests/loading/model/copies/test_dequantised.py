"""build_dequantised_copy and read_quantised: floats in place of whole numbers and scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.copies.dequantised import DequantisedCopy, build_dequantised_copy
from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
from keras_consistency_cli.loading.model.copies.quantised_weights import read_quantised
from tests.corpus.reports_quantised import quantise
from tests.helpers.live_models import chain

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")

EQUATIONS = {"abc,cd->abd": (5, 6), "abc,cde->abde": (5, 3, 4), "abc,bcd->ad": 7, "abc,dc->abd": (5, 4)}
"""Equations, by the shape of one row of their outputs."""


def copy_of(built: Any, mode: str, **options: Any) -> tuple[Any, DequantisedCopy]:
    model, rows = built
    quantise(model, mode)
    (sample,) = rows.values()
    return model, build_dequantised_copy(model, custom_objects={}, sample=sample, **options)


@pytest.mark.parametrize(("mode", "step"), [("int8", 127), ("int4", 7), ("float8", 16)])
def test_the_kernel_is_the_original_one_within_half_a_step(mode: str, step: int) -> None:
    dense = layers.Dense(300, activation="relu", bias_initializer="random_normal")
    model, rows = chain((270,), dense)
    kernel, bias = (np.asarray(each) for each in dense.get_weights())
    _, copy = copy_of((model, rows), mode)
    (twin,) = copy.twins
    error = np.abs(np.asarray(twin.weights) - kernel)
    assert np.all(error <= twin.quantised.half_steps * 1.01 + 1e-7)
    assert twin.quantised.half_steps.max() <= np.abs(kernel).max() / step
    np.testing.assert_array_equal(np.asarray(twin.layer.bias), bias)
    np.testing.assert_array_equal(np.asarray(dense.bias), bias)


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_kernels_of_equations_are_read(equation: str, mode: str) -> None:
    einsum = layers.EinsumDense(equation, output_shape=EQUATIONS[equation])
    built = chain((5, 8), einsum)
    kernel = np.asarray(einsum.get_weights()[0])
    _, copy = copy_of(built, mode)
    (twin,) = copy.twins
    # int4 has steps for groups of weights, which are not those of the whole column.
    most = twin.quantised.half_steps * (1.01 if mode == "int8" else 1.5)
    assert np.all(np.abs(np.asarray(twin.weights) - kernel) <= most + 1e-7)


def test_a_table_is_read_row_by_row() -> None:
    table = layers.Embedding(30, 6)
    model = keras.Sequential([keras.Input((4,), dtype="int32"), table])
    before = np.asarray(table.get_weights()[0])
    _, copy = copy_of((model, {"x": np.zeros((1, 4), "int32")}), "int8")
    error = np.abs(np.asarray(copy.twins[0].weights) - before)
    assert np.all(error <= copy.twins[0].quantised.half_steps * 1.01)


@pytest.mark.parametrize("build", [lambda: layers.LSTM(5), lambda: layers.BatchNormalization()])
def test_other_layers_keep_their_weights(build: Callable[[], Any]) -> None:
    model, copy = copy_of(chain((4, 3), build(), layers.Flatten(), layers.Dense(2)), "int8")
    for before, after in zip(model.layers[0].get_weights(), copy.model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert [twin.path for twin in copy.twins] == [model.layers[-1].name]


def test_only_the_named_layers_compute_with_floats() -> None:
    built = chain((4,), layers.Dense(3, name="a"), layers.Dense(2, name="b"))
    model, copy = copy_of(built, "int8", only=["b"])
    modes = [layer.quantization_mode for layer in copy.model.layers if layer.weights]
    assert (modes, [twin.path for twin in copy.twins]) == (["int8", None], ["b"])
    rows = next(iter(built[1].values()))
    np.testing.assert_array_equal(model.get_layer("a")(rows), copy.model.get_layer("a")(rows))


def test_a_kernel_for_each_row_cannot_be_read() -> None:
    einsum = layers.EinsumDense("ab,ab->ab", output_shape=(4,))
    einsum.build((3, 4))
    assert read_quantised(type("Odd", (), {"quantization_mode": "gptq"})(), (3, 4)) is None
    quantise(einsum, "float8")
    assert read_quantised(einsum, (3, 4)) is None


def test_a_lambda_is_not_rebuilt_unless_trusted() -> None:
    with pytest.raises(PrecisionCopyRefused):
        copy_of(chain((4,), layers.Lambda(lambda x: x * 2.0), layers.Dense(2)), "int8")
