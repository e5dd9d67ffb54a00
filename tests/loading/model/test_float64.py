"""Building the float64 copy: same weights, every dtype raised, Keras left as it was, and refusals with their reason."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_consistency_cli.loading.model.float64 import (
    Float64CopyRefused,
    build_float64_copy,
    float64_world,
    narrow_operations,
)
from tests.helpers.live_models import HEALTHY, HardCast, chain


def float64_copy(built: tuple[Any, Any]) -> Any:
    """The float64 copy of a model with one input."""
    rows = {
        name: values.astype(np.float64) if values.dtype.kind == "f" else values
        for name, values in built[1].items()
    }
    return build_float64_copy(
        built[0], custom_objects={}, sample=rows if len(rows) > 1 else next(iter(rows.values()))
    )


@pytest.mark.parametrize("name", [name for name in HEALTHY if name != "string inputs"])
def test_variables_are_float64_with_the_models_values(name: str) -> None:
    built = HEALTHY[name]()
    copy = float64_copy(built)
    floats = [
        (mine, theirs)
        for mine, theirs in zip(built[0].variables, copy.variables, strict=True)
        if "float" in mine.dtype
    ]
    assert floats
    assert {theirs.dtype for _, theirs in floats} == {"float64"}
    assert all(np.array_equal(np.asarray(mine, np.float64), np.asarray(theirs)) for mine, theirs in floats)


def test_the_model_itself_is_left_alone() -> None:
    model, rows = HEALTHY["conv with batch norm"]()
    before = [np.asarray(variable) for variable in model.variables]
    copy = float64_copy((model, rows))
    copy.variables[0].assign(copy.variables[0] * 0)
    assert all(
        np.array_equal(held, np.asarray(variable))
        for held, variable in zip(before, model.variables, strict=True)
    )
    assert {variable.dtype for variable in model.variables} == {"float32"}


def test_normalization_divides_by_its_own_statistics() -> None:
    model, rows = HEALTHY["normalization"]()
    copy = float64_copy((model, rows))
    (values,) = rows.values()
    with float64_world():
        exact = np.asarray(copy(values.astype(np.float64)))
    np.testing.assert_allclose(exact, np.asarray(model(values)), atol=1e-5)
    assert exact.dtype == np.float64


def test_the_world_is_put_back_after_an_error() -> None:
    with float64_world():
        assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float64", "float64")
    with pytest.raises(ZeroDivisionError), float64_world():
        raise ZeroDivisionError
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


def test_what_was_set_before_is_put_back() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with float64_world():
            pass
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_int8_has_no_shadow() -> None:
    model, rows = chain((4,), layers.Dense(3, name="head"))
    model.get_layer("head").quantize("int8")
    with pytest.raises(Float64CopyRefused, match=r"^it is quantised$"):
        float64_copy((model, rows))


def test_lambda_is_not_rebuilt_unless_trusted() -> None:
    model, rows = chain((4,), layers.Lambda(lambda x: x * 2.0))
    (values,) = rows.values()
    with pytest.raises(Float64CopyRefused, match="it cannot be rebuilt in float64"):
        build_float64_copy(model, custom_objects={}, sample=values)
    trusted = build_float64_copy(model, custom_objects={}, sample=values, allow_unsafe=True)
    with float64_world():
        assert np.array_equal(trusted(values.astype(np.float64)), values.astype(np.float64) * 2)


def test_a_config_that_loses_arguments_has_no_shadow() -> None:
    class Forgetful(layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = layers.Dense(units)

        def build(self, input_shape: tuple[int | None, ...]) -> None:
            self.dense.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name, "units": 2}

    model, rows = chain((4,), Forgetful(3))
    with pytest.raises(Float64CopyRefused, match="other variables"):
        build_float64_copy(model, custom_objects={"Forgetful": Forgetful}, sample=next(iter(rows.values())))


def graph_of(function: Any, dtype: str) -> Any:
    return tf.function(function).get_concrete_function(tf.TensorSpec((None, 3), dtype)).graph


def test_narrow_operations_are_named_with_kind_and_dtype() -> None:
    found = list(
        narrow_operations(graph_of(lambda x: tf.cast(tf.sin(tf.cast(x, tf.float32)), tf.float64), "float64"))
    )
    assert any("(Sin, float32)" in operation for operation in found)
    assert all("float32" in operation for operation in found)


def test_narrow_operations_inside_functions_are_found() -> None:
    inner = tf.function(lambda x: tf.exp(tf.cast(x, tf.float16)))
    assert any(
        "Exp" in operation and "float16" in operation
        for operation in narrow_operations(graph_of(lambda x: inner(x), "float64"))
    )


def test_a_graph_in_float64_has_none_and_reading_float32_is_none() -> None:
    assert list(narrow_operations(graph_of(lambda x: tf.sin(x) * 2.0, "float64"))) == []
    assert list(narrow_operations(graph_of(lambda x: tf.sin(tf.cast(x, tf.float64)), "float32"))) == []


def test_a_hard_cast_stays_in_the_shadow_for_the_session_to_find() -> None:
    model, rows = chain((4,), HardCast())
    copy = float64_copy((model, rows))
    with float64_world():
        graph = tf.function(copy).get_concrete_function(tf.TensorSpec((None, 4), "float64")).graph
    assert list(narrow_operations(graph))


def test_argmax_looks_at_bits_of_a_cast_and_is_no_low_precision() -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.argmax(layers.Dense(3)(inputs), axis=-1))
    copy = float64_copy((model, {"x": np.zeros((2, 4), np.float32)}))
    with float64_world():
        traced = tf.function(lambda x: copy(x, training=False)).get_concrete_function(
            tf.zeros((2, 4), tf.float64)
        )
    assert list(narrow_operations(traced.graph)) == []


def test_layers_that_put_out_whole_numbers_keep_their_policy() -> None:
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, layers.Embedding(8, 2)(layers.Hashing(8)(inputs)))
    copy = float64_copy((model, {"x": np.ones((2, 1), np.int64)}))
    assert [layer.compute_dtype for layer in copy.layers[1:]] == ["int64", "float64"]
