"""Ordinary Keras models, one builder for each feature of a config or a weights file.

Keras is imported inside the builders only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CUSTOM", "ORDINARY", "Builder"]

Builder = Callable[[Any], Any]
"""Takes the keras module, returns a model."""


def _sequential(keras: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, "relu", kernel_regularizer="l2"),
            keras.layers.Dropout(0.2, seed=7),
        ]
    )


def _functional_operations(keras: Any) -> Any:
    first, second = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    mixed = keras.ops.concatenate([first * 2.0, keras.ops.sin(second) + 1.0], axis=-1)
    gated = keras.ops.where(mixed > 0.5, mixed, keras.ops.zeros_like(mixed))
    part = keras.ops.einsum("bi,bi->bi", gated, gated)[:, 1:7]
    return keras.Model(
        [first, second], {"sum": keras.ops.sum(part, axis=1), "norm": keras.ops.norm(part, axis=-1)}
    )


def _nested(keras: Any) -> Any:
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="gelu")], name="encoder")
    inner.compile("adam", "mse")
    outer = keras.Input((5,))
    middle = keras.Model(inner.inputs[0], keras.ops.tanh(inner.outputs[0]), name="middle")
    return keras.Model(outer, keras.layers.Add()([inner(outer), middle(outer)]))


def _recurrent(keras: Any) -> Any:
    layers = keras.layers
    cells = layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])
    steps = [
        keras.Input((7, 3)),
        layers.Masking(),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True), backward_layer=None),
    ]
    return keras.Sequential([*steps, layers.TimeDistributed(layers.Dense(3)), layers.RNN(cells)])


def _vocabularies(keras: Any) -> Any:
    text, number = (
        keras.Input((), dtype="string", name="text"),
        keras.Input((1,), dtype="int64", name="number"),
    )
    vectorize = keras.layers.TextVectorization(
        max_tokens=20, output_sequence_length=5, vocabulary=["cat", "dog", "ÿ→猫"]
    )
    embedded = keras.layers.Embedding(20, 4, mask_zero=True)(vectorize(text))
    looked_up = keras.layers.IntegerLookup(vocabulary=[10**15, -3, 42], output_mode="one_hot")(number)
    hashed = keras.layers.Hashing(num_bins=2**31 - 1, salt=[2**62, 7])(number)
    binned = keras.layers.Discretization(bin_boundaries=[-1.0, 0.0, 1e12])(hashed)
    pooled = keras.layers.GlobalAveragePooling1D()(embedded)
    return keras.Model(
        [text, number], keras.layers.Concatenate()([pooled, looked_up, keras.ops.cast(binned, "float32")])
    )


def _adapted_strings(keras: Any) -> Any:
    lookup = keras.layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(["a", "b", "c", "b"])
    return keras.Sequential([keras.Input((1,), dtype="string"), lookup, keras.layers.Dense(1)])


def _augmented_image(keras: Any) -> Any:
    layers = keras.layers
    normalized = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0] * 3)
    steps = [layers.Rescaling(1 / 255), layers.RandomFlip(seed=3), layers.RandomRotation(0.1), normalized]
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *steps,
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Flatten(),
        ]
    )


def _mixed(policy: str) -> Builder:
    def build(keras: Any) -> Any:
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(3, dtype=policy),
                layers.LayerNormalization(dtype=policy),
                layers.Dense(2, dtype="float32"),
            ]
        )

    return build


def _quantized(mode: str) -> Builder:
    def build(keras: Any) -> Any:
        model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8), keras.layers.Dense(4)])
        model.quantize(mode)
        return model

    return build


def _policy_map(keras: Any) -> Any:
    policies = keras.dtype_policies.DTypePolicyMap()
    attention = keras.layers.MultiHeadAttention(2, 4, dtype=policies)
    tokens = keras.Input((5, 8))
    return keras.Model(tokens, attention(tokens, tokens, use_causal_mask=True))


def _compiled(keras: Any) -> Any:
    model = _sequential(keras)
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 50_000_000)
    loss, metrics = (
        keras.losses.Huber(delta=2.0),
        ["mae", keras.metrics.AUC(), keras.metrics.TopKCategoricalAccuracy(k=2)],
    )
    model.compile(keras.optimizers.AdamW(schedule, clipnorm=1.0), loss=loss, metrics=metrics)
    model.fit([[0.0, 1.0, 2.0, 3.0]] @ keras.ops.eye(4), keras.ops.ones((1, 3)), verbose=0)
    return model


def _constrained(keras: Any) -> Any:
    layers, start = keras.layers, keras.initializers.VarianceScaling(seed=2**31 - 1)
    conv = layers.SeparableConv1D(
        4,
        3,
        depthwise_constraint="max_norm",
        pointwise_initializer=start,
        activity_regularizer=keras.regularizers.L1L2(),
    )
    return keras.Sequential(
        [
            keras.Input((None, 3)),
            conv,
            layers.PReLU(shared_axes=[1]),
            layers.ReLU(max_value=6.0),
            layers.GlobalMaxPool1D(),
        ]
    )


def _tensor_constants(keras: Any) -> Any:
    import numpy as np

    rows = keras.Input((3,))
    return keras.Model(
        rows,
        keras.ops.matmul(rows, np.eye(3, dtype="float32")) + keras.ops.convert_to_tensor([1.0, 2.0, 3.0]),
    )


def _stateful(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input((2, 3), batch_size=4), keras.layers.GRU(3, stateful=True), keras.layers.RepeatVector(3)]
    )


def _special_layers(keras: Any) -> Any:
    layers, image = keras.layers, keras.Input((6, 6, 4))
    normal = layers.GroupNormalization(2)(layers.SpectralNormalization(layers.Conv2D(4, 3))(image))
    dense = layers.EinsumDense("abcd,de->abce", output_shape=(None, None, 3), bias_axes="e")(normal)
    return keras.Model(
        image,
        layers.Reshape((-1,))(
            layers.UnitNormalization()(layers.ZeroPadding2D(2)(layers.UpSampling2D()(dense)))
        ),
    )


def _feature_space(keras: Any) -> Any:
    import tensorflow as tf

    features = {
        "age": keras.utils.FeatureSpace.float_normalized(),
        "city": keras.utils.FeatureSpace.string_categorical(),
    }
    space = keras.utils.FeatureSpace(features, crosses=[], output_mode="concat")
    space.adapt(
        tf.data.Dataset.from_tensor_slices({"age": [1.0, 2.0, 3.0], "city": ["rome", "oslo", "rome"]})
    )
    return space


def _application(name: str, **settings: Any) -> Builder:
    return lambda keras: getattr(keras.applications, name)(weights=None, include_top=False, **settings)


def _own_layer(keras: Any) -> Any:
    registered = keras.saving.register_keras_serializable(package="mine")

    def swirl(values: Any) -> Any:
        return values * 2

    class Scale(keras.layers.Layer):  # type: ignore[misc]
        """A layer that Keras does not have."""

        def call(self, values: Any) -> Any:
            return values * 3

    return keras.Sequential(
        [
            keras.Input((4,)),
            registered(Scale)(name="scale"),
            keras.layers.Dense(2, activation=registered(swirl)),
        ]
    )


def _own_training(keras: Any) -> Any:
    def my_loss(true: Any, predicted: Any) -> Any:
        return keras.ops.mean(true - predicted)

    model = _sequential(keras)
    model.compile("sgd", loss=my_loss, metrics=[lambda true, predicted: true[0, 0]])
    return model


ORDINARY: dict[str, Builder] = {
    "sequential": _sequential,
    "functional-operations": _functional_operations,
    "nested": _nested,
    "recurrent": _recurrent,
    "vocabularies": _vocabularies,
    "adapted-strings": _adapted_strings,
    "augmented-image": _augmented_image,
    "mixed-float16": _mixed("mixed_float16"),
    "bfloat16": _mixed("bfloat16"),
    "float64": _mixed("float64"),
    "int8": _quantized("int8"),
    "int4": _quantized("int4"),
    "float8": _quantized("float8"),
    "policy-map": _policy_map,
    "compiled": _compiled,
    "constrained": _constrained,
    "tensor-constants": _tensor_constants,
    "stateful": _stateful,
    "special-layers": _special_layers,
    "feature-space": _feature_space,
    "mobilenet": _application("MobileNetV2", alpha=0.35, input_shape=(32, 32, 3)),
    "efficientnet": _application("EfficientNetB0", input_shape=(32, 32, 3)),
    "own-training": _own_training,
}
"""These must pass without any flag."""

CUSTOM: dict[str, Builder] = {"own-layer": _own_layer}
"""These need --custom-objects."""
