"""Small models of one operation each, to see how Keras backends differ: `python -m benchmarks.backends`.

Every model is built from its name alone, with the same weights and rows each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import keras
import numpy as np
from keras import layers

__all__ = ["OPERATIONS", "Rows"]

Rows = np.ndarray
Built = tuple[keras.Model, Rows]
_ROWS = 32
_IMAGE = (9, 12, 3)
_SERIES = (12, 4)


def _rows(shape: tuple[int, ...]) -> Rows:
    return np.random.default_rng(0).normal(size=(_ROWS, *shape)).astype(np.float32)


def _layer(make: Callable[[], keras.layers.Layer], shape: tuple[int, ...]) -> Built:
    """A model of one layer."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, make()(inputs)), _rows(shape)


def _image(make: Callable[[], keras.layers.Layer]) -> Callable[[], Built]:
    return partial(_layer, make, _IMAGE)


def _series(make: Callable[[], keras.layers.Layer]) -> Callable[[], Built]:
    return partial(_layer, make, _SERIES)


def _vector(make: Callable[[], keras.layers.Layer]) -> Callable[[], Built]:
    return partial(_layer, make, (16,))


def _activation(name: str) -> Callable[[], Built]:
    return _vector(lambda: layers.Dense(32, activation=name))


def _with_nan(make: Callable[[], keras.layers.Layer], shape: tuple[int, ...]) -> Built:
    model, rows = _layer(make, shape)
    rows[::4].flat[::5] = np.nan
    return model, rows


def _masked(make: Callable[[], keras.layers.Layer], *, side: str = "right") -> Built:
    """Series with padded time steps, and one row of nothing else."""
    inputs = keras.Input(_SERIES)
    outputs = make()(layers.Masking()(inputs))
    rows = _rows(_SERIES)
    for number in range(_ROWS):
        padded = slice(number % 11 + 1, None) if side == "right" else slice(0, number % 11)
        rows[number, padded] = 0
    return keras.Model(inputs, outputs), rows


def _attention(*, empty: bool) -> Built:
    """Attention over tokens, of which zeros are padding; `empty` adds rows of padding only."""
    inputs = keras.Input((8,), dtype="int32")
    embedded = layers.Embedding(20, 16, mask_zero=True)(inputs)
    outputs = layers.MultiHeadAttention(2, 8)(embedded, embedded)
    rows = np.random.default_rng(0).integers(1, 20, (_ROWS, 8)).astype(np.int32)
    rows[:, 5:] = 0
    if empty:
        rows[::4] = 0
    return keras.Model(inputs, outputs), rows


def _embedding(lowest: int, highest: int) -> Built:
    inputs = keras.Input((6,), dtype="int32")
    rows = np.random.default_rng(0).integers(lowest, highest, (_ROWS, 6)).astype(np.int32)
    return keras.Model(inputs, layers.Embedding(20, 4)(inputs)), rows


def _large_ids() -> Built:
    inputs = keras.Input((6,), dtype="int64")
    rows = np.random.default_rng(0).integers(2**31, 2**40, (_ROWS, 6))
    return keras.Model(inputs, layers.Hashing(50, output_mode="multi_hot")(inputs)), rows


def _words() -> Built:
    inputs = keras.Input((1,), dtype="string")
    outputs = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(inputs)
    return keras.Model(inputs, outputs), np.array([["a"], ["b"], ["c"]] * 8, dtype=object)


def _in_float64() -> Built:
    inputs = keras.Input((16,), dtype="float64")
    return keras.Model(inputs, layers.Dense(8, dtype="float64")(inputs)), _rows((16,)).astype(np.float64)


def _quantised(mode: str) -> Built:
    model, rows = _vector(lambda: layers.Dense(8))()
    model.quantize(mode)
    return model, rows


def _of_ops(compute: Callable[[keras.KerasTensor], keras.KerasTensor], shape: tuple[int, ...]) -> Built:
    inputs = keras.Input(shape)
    return keras.Model(inputs, compute(inputs)), np.round(_rows(shape) * 2) / 2


def _resizing(interpolation: str, antialias: bool) -> Callable[[], Built]:
    return _image(lambda: layers.Resizing(14, 7, interpolation=interpolation, antialias=antialias))


OPERATIONS: Mapping[str, Callable[[], Built]] = {
    **{f"Dense, {name}": _activation(name) for name in ("relu", "gelu", "tanh", "softplus", "mish", "elu")},
    "softmax of 1000": _vector(lambda: layers.Dense(1000, activation="softmax")),
    "Dense of 100,000 inputs": partial(_layer, lambda: layers.Dense(2), (100_000,)),
    "LayerNormalization": _series(layers.LayerNormalization),
    "GroupNormalization": _image(lambda: layers.GroupNormalization(3)),
    "BatchNormalization": _image(layers.BatchNormalization),
    "Conv2D same, stride 2": _image(lambda: layers.Conv2D(4, 3, strides=2, padding="same")),
    "Conv2D same, kernel 4, stride 3": _image(lambda: layers.Conv2D(4, 4, strides=3, padding="same")),
    "Conv2D same, dilation 2": _image(lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same")),
    "DepthwiseConv2D same, stride 2": _image(lambda: layers.DepthwiseConv2D(3, strides=2, padding="same")),
    "SeparableConv2D same, stride 2": _image(lambda: layers.SeparableConv2D(4, 3, 2, padding="same")),
    "Conv1D causal, dilation 2": _series(lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2)),
    "Conv2DTranspose same, kernel 3, stride 2": _image(
        lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same")
    ),
    "Conv2DTranspose same, kernel 5, stride 3": _image(
        lambda: layers.Conv2DTranspose(4, 5, strides=3, padding="same")
    ),
    "Conv2DTranspose same, kernel 2, stride 3": _image(
        lambda: layers.Conv2DTranspose(4, 2, strides=3, padding="same")
    ),
    "Conv2DTranspose valid, kernel 2, stride 3": _image(lambda: layers.Conv2DTranspose(4, 2, strides=3)),
    "Conv1DTranspose same, stride 2": _series(lambda: layers.Conv1DTranspose(4, 3, 2, padding="same")),
    "AveragePooling2D valid": _image(lambda: layers.AveragePooling2D(3, 2)),
    "AveragePooling2D same, pool 2": _image(lambda: layers.AveragePooling2D(2, padding="same")),
    "AveragePooling2D same, pool 3, stride 1": _image(lambda: layers.AveragePooling2D(3, 1, padding="same")),
    "AveragePooling2D same, pool 3, stride 2": _image(lambda: layers.AveragePooling2D(3, 2, padding="same")),
    "AveragePooling1D same, pool 3, stride 2": _series(lambda: layers.AveragePooling1D(3, 2, padding="same")),
    "MaxPooling2D same, pool 3, stride 2": _image(lambda: layers.MaxPooling2D(3, 2, padding="same")),
    "MaxPooling2D of NaN": partial(_with_nan, lambda: layers.MaxPooling2D(2), _IMAGE),
    "GlobalMaxPooling1D of NaN": partial(_with_nan, layers.GlobalMaxPooling1D, _SERIES),
    "relu of NaN": partial(_with_nan, layers.ReLU, (16,)),
    "UpSampling2D bilinear": _image(lambda: layers.UpSampling2D(2, interpolation="bilinear")),
    "UpSampling2D bicubic": _image(lambda: layers.UpSampling2D(2, interpolation="bicubic")),
    "UpSampling2D nearest": _image(lambda: layers.UpSampling2D(2)),
    **{
        f"Resizing {name}{', antialias' if smooth else ''}": _resizing(name, smooth)
        for name in ("nearest", "bilinear", "bicubic", "lanczos3")
        for smooth in (False, True)
    },
    "LSTM": _series(lambda: layers.LSTM(8)),
    "GRU": _series(lambda: layers.GRU(8)),
    "GRU, reset before": _series(lambda: layers.GRU(8, reset_after=False)),
    "SimpleRNN backwards": _series(lambda: layers.SimpleRNN(8, go_backwards=True)),
    "Bidirectional(LSTM)": _series(lambda: layers.Bidirectional(layers.LSTM(8))),
    "ConvLSTM1D": partial(_layer, lambda: layers.ConvLSTM1D(3, 3, padding="same"), (5, 8, 2)),
    "LSTM, padding on the right": partial(_masked, lambda: layers.LSTM(8)),
    "LSTM, padding on the left": partial(_masked, lambda: layers.LSTM(8), side="left"),
    "Bidirectional(GRU), padding": partial(_masked, lambda: layers.Bidirectional(layers.GRU(8))),
    "GlobalAveragePooling1D, padding": partial(_masked, layers.GlobalAveragePooling1D),
    "MultiHeadAttention, padding": partial(_attention, empty=False),
    "MultiHeadAttention, rows of padding only": partial(_attention, empty=True),
    "Embedding": partial(_embedding, 0, 20),
    "Embedding, id -1": partial(_embedding, -1, 20),
    "Embedding, id too large": partial(_embedding, 0, 25),
    "Discretization": _vector(lambda: layers.Discretization([-1.0, 0.0, 1.0], output_mode="int")),
    "Hashing of int64 above 2^31": _large_ids,
    "StringLookup": _words,
    "Dense in float64": _in_float64,
    "Dense in bfloat16": _vector(lambda: layers.Dense(8, dtype="mixed_bfloat16")),
    "Dense, int8": partial(_quantised, "int8"),
    "Dense, int4": partial(_quantised, "int4"),
    "ops.argmax of ties": partial(_of_ops, lambda x: keras.ops.argmax(x, axis=-1), (16,)),
    "ops.argsort of ties": partial(_of_ops, lambda x: keras.ops.argsort(x, axis=-1), (64,)),
    "ops.top_k of ties": partial(_of_ops, lambda x: keras.ops.top_k(x, 4)[1], (64,)),
    "ops.round of halves": partial(_of_ops, keras.ops.round, (16,)),
    "ops.floor_divide, negative": partial(_of_ops, lambda x: keras.ops.floor_divide(x, 0.3), (16,)),
    "ops.cast of negative floats to uint8": partial(_of_ops, lambda x: keras.ops.cast(x, "uint8"), (16,)),
    "ops.median": partial(_of_ops, lambda x: keras.ops.median(x, axis=-1), (16,)),
    "ops.std": partial(_of_ops, lambda x: keras.ops.std(x, axis=-1), (16,)),
    "ops.erfinv": partial(_of_ops, lambda x: keras.ops.erfinv(keras.ops.tanh(x)), (16,)),
    "ops.power of negative numbers": partial(_of_ops, lambda x: keras.ops.power(x, 3.0), (16,)),
}
"""By name: a function that returns a model and rows."""
