"""build_float64_copy: equal weights, raised dtypes, restored settings, and refusals."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.copies.float64 import (
    PrecisionCopyRefused,
    build_float64_copy,
    float64_defaults,
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
def test_variables_are_float64_with_the_values_of_the_model(name: str) -> None:
    built = HEALTHY[name]()
    copy = float64_copy(built)
    floats = [
        (original, copied)
        for original, copied in zip(built[0].variables, copy.variables, strict=True)
        if "float" in original.dtype
    ]
    assert floats
    assert {copied.dtype for _, copied in floats} == {"float64"}
    assert all(
        np.array_equal(np.asarray(original, np.float64), np.asarray(copied)) for original, copied in floats
    )


def test_the_model_itself_is_not_changed() -> None:
    model, rows = HEALTHY["conv with batch norm"]()
    before = [np.asarray(variable) for variable in model.variables]
    copy = float64_copy((model, rows))
    copy.variables[0].assign(copy.variables[0] * 0)
    assert all(
        np.array_equal(value, np.asarray(variable))
        for value, variable in zip(before, model.variables, strict=True)
    )
    assert {variable.dtype for variable in model.variables} == {"float32"}


def test_normalization_uses_the_copied_statistics() -> None:
    model, rows = HEALTHY["normalization"]()
    copy = float64_copy((model, rows))
    (values,) = rows.values()
    with float64_defaults():
        exact = np.asarray(copy(values.astype(np.float64)))
    np.testing.assert_allclose(exact, np.asarray(model(values)), atol=1e-5)
    assert exact.dtype == np.float64


def test_the_global_settings_are_restored_after_an_error() -> None:
    with float64_defaults():
        assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float64", "float64")
    with pytest.raises(ZeroDivisionError), float64_defaults():
        raise ZeroDivisionError
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


def test_the_previous_dtype_policy_is_restored() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with float64_defaults():
            pass
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_an_int8_model_has_no_float64_copy(wording: SnapshotAssertion) -> None:
    model, rows = chain((4,), layers.Dense(3, name="head"))
    model.get_layer("head").quantize("int8")
    with pytest.raises(PrecisionCopyRefused) as refusal:
        float64_copy((model, rows))
    assert str(refusal.value) == wording


def test_a_lambda_is_not_rebuilt_unless_trusted(wording: SnapshotAssertion) -> None:
    model, rows = chain((4,), layers.Lambda(lambda x: x * 2.0))
    (values,) = rows.values()
    with pytest.raises(PrecisionCopyRefused) as refusal:
        build_float64_copy(model, custom_objects={}, sample=values)
    assert str(refusal.value).partition(":")[0] == wording  # Keras's own text follows
    trusted = build_float64_copy(model, custom_objects={}, sample=values, allow_unsafe=True)
    with float64_defaults():
        assert np.array_equal(trusted(values.astype(np.float64)), values.astype(np.float64) * 2)


def test_a_config_that_loses_arguments_has_no_float64_copy(wording: SnapshotAssertion) -> None:
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
    with pytest.raises(PrecisionCopyRefused) as refusal:
        build_float64_copy(model, custom_objects={"Forgetful": Forgetful}, sample=next(iter(rows.values())))
    assert str(refusal.value) == wording


def graph_of(function: Any, dtype: str) -> Any:
    return tf.function(function).get_concrete_function(tf.TensorSpec((None, 3), dtype)).graph


def test_narrow_operations_are_named_with_type_and_dtype() -> None:
    operations = list(
        narrow_operations(graph_of(lambda x: tf.cast(tf.sin(tf.cast(x, tf.float32)), tf.float64), "float64"))
    )
    assert any("(Sin, float32)" in operation for operation in operations)
    assert all("float32" in operation for operation in operations)


def test_narrow_operations_inside_functions_are_found() -> None:
    inner = tf.function(lambda x: tf.exp(tf.cast(x, tf.float16)))
    assert any(
        "Exp" in operation and "float16" in operation
        for operation in narrow_operations(graph_of(lambda x: inner(x), "float64"))
    )


def test_a_float64_graph_and_a_cast_from_float32_have_no_narrow_operations() -> None:
    assert list(narrow_operations(graph_of(lambda x: tf.sin(x) * 2.0, "float64"))) == []
    assert list(narrow_operations(graph_of(lambda x: tf.sin(tf.cast(x, tf.float64)), "float32"))) == []


def test_numbers_that_depend_on_shapes_only_are_not_narrow() -> None:
    def add_ramp(x: Any) -> Any:
        ramp = tf.sin(tf.linspace(0.0, 1.0, tf.shape(x)[1]) * tf.ones(tf.shape(x)))
        return x + tf.cast(ramp, tf.float64)

    assert list(narrow_operations(graph_of(add_ramp, "float64"))) == []


def test_random_numbers_are_narrow() -> None:
    drawn = graph_of(lambda x: x + tf.cast(tf.random.normal(tf.shape(x)), tf.float64), "float64")
    assert list(narrow_operations(drawn))


def test_a_cast_written_into_the_model_stays_in_the_copy() -> None:
    model, rows = chain((4,), HardCast())
    copy = float64_copy((model, rows))
    with float64_defaults():
        graph = tf.function(copy).get_concrete_function(tf.TensorSpec((None, 4), "float64")).graph
    assert list(narrow_operations(graph))


def test_argmax_reads_the_bits_of_a_cast_and_is_not_low_precision() -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.argmax(layers.Dense(3)(inputs), axis=-1))
    copy = float64_copy((model, {"x": np.zeros((2, 4), np.float32)}))
    with float64_defaults():
        traced = tf.function(lambda x: copy(x, training=False)).get_concrete_function(
            tf.zeros((2, 4), tf.float64)
        )
    assert list(narrow_operations(traced.graph)) == []


def test_layers_that_return_integers_keep_their_policy() -> None:
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, layers.Embedding(8, 2)(layers.Hashing(8)(inputs)))
    copy = float64_copy((model, {"x": np.ones((2, 1), np.int64)}))
    assert [layer.compute_dtype for layer in copy.layers[1:]] == ["int64", "float64"]
