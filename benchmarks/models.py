"""Models of the benchmarks: the MLP of the speed measurements, and 12 architectures that test the limits.

Each of the 12 passes its hidden features through a `tap`, which returns them unchanged or adds a leak of the
batch mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

__all__ = ["ARCHITECTURES", "Architecture", "BatchLeak", "mlp", "mlp_rows"]

Tap = Callable[[Any], Any]
Rows = Mapping[str, np.ndarray]


@keras.saving.register_keras_serializable(package="benchmarks")
class BatchLeak(layers.Layer):
    """Adds `strength` times the batch mean to every row: the planted fault."""

    def __init__(self, strength: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = strength

    def call(self, x: Any) -> Any:
        """Add the mean over axis 0."""
        return x + self.strength * keras.ops.mean(x, axis=0, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        """Return the config with the strength."""
        return {**super().get_config(), "strength": self.strength}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A name, a function that builds the model around a tap, and a function that generates its rows."""

    name: str
    build: Callable[[Tap], Any]
    rows: Callable[[np.random.Generator, int], Rows]


def mlp() -> Any:
    """Return the 10-64-1 MLP of the speed goals, with a fixed seed."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )


def mlp_rows(count: int) -> np.ndarray:
    """Return rows for the MLP, of shape (count, 10) and dtype float32."""
    return np.random.default_rng(0).normal(size=(count, 10)).astype("float32")


def _normal(*shape: int, name: str = "x", scale: float = 1.0) -> Callable[[np.random.Generator, int], Rows]:
    return lambda rng, count: {name: rng.normal(scale=scale, size=(count, *shape)).astype("float32")}


def _tokens(length: int, words: int) -> Callable[[np.random.Generator, int], Rows]:
    """Return a generator of token rows that are padded with zeros on the right."""

    def make(rng: np.random.Generator, count: int) -> Rows:
        ids = rng.integers(1, words, size=(count, length))
        return {
            "x": np.where(np.arange(length) < rng.integers(3, length + 1, size=(count, 1)), ids, 0).astype(
                "int32"
            )
        }

    return make


def _wide_and_deep_rows(rng: np.random.Generator, count: int) -> Rows:
    return {
        "numbers": rng.normal(size=(count, 12)).astype("float32"),
        "shop": rng.integers(0, 50, size=(count, 1)).astype("int32"),
    }


def _regressor(tap: Tap) -> Any:
    x = keras.Input((30,), name="x")
    h = tap(layers.Dense(128, activation="gelu")(layers.Dense(128, activation="gelu")(x)))
    return keras.Model(x, layers.Rescaling(1000.0, offset=20.0)(layers.Dense(1)(h)))


def _wide_and_deep(tap: Tap) -> Any:
    numbers, shop = keras.Input((12,), name="numbers"), keras.Input((1,), dtype="int32", name="shop")
    wide = layers.Flatten()(layers.Embedding(50, 8)(shop))
    h = tap(layers.Dense(64, activation="relu")(layers.Concatenate()([numbers, wide])))
    return keras.Model([numbers, shop], layers.Dense(1, activation="sigmoid")(h))


def _normalised_mlp(tap: Tap) -> Any:
    h = x = keras.Input((20,), name="x")
    for width in (96, 64):
        h = layers.Dropout(0.3)(layers.BatchNormalization()(layers.Dense(width, activation="relu")(h)))
    return keras.Model(x, layers.Dense(5, activation="softmax")(tap(h)))


def _dilated(tap: Tap) -> Any:
    x = keras.Input((64, 3), name="x")
    h = layers.Conv1D(24, 1)(x)
    for rate in (1, 2, 4, 8):
        h = layers.Add()(
            [h, layers.Conv1D(24, 3, padding="causal", dilation_rate=rate, activation="tanh")(h)]
        )
    return keras.Model(x, layers.Dense(4, activation="softmax")(tap(h)))


def _pooled_cnn(tap: Tap) -> Any:
    h = x = keras.Input((28, 28, 1), name="x")
    for width in (8, 16):
        h = layers.MaxPooling2D()(
            layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, use_bias=False)(h)))
        )
    return keras.Model(x, layers.Dense(10, activation="softmax")(tap(layers.GlobalAveragePooling2D()(h))))


def _reader(tap: Tap) -> Any:
    x = keras.Input((24,), dtype="int32", name="x")
    h = layers.Bidirectional(layers.LSTM(16))(layers.Embedding(200, 12, mask_zero=True)(x))
    return keras.Model(x, layers.Dense(1, activation="sigmoid")(tap(h)))


def _tagger(tap: Tap) -> Any:
    x = keras.Input((20, 6), name="x")
    h = tap(layers.GRU(24, return_sequences=True)(x))
    return keras.Model(x, layers.TimeDistributed(layers.Dense(3, activation="softmax"))(h))


def _encoder(tap: Tap) -> Any:
    x = keras.Input((16, 10), name="x")
    h = layers.Dense(32)(x)
    for _ in range(2):
        h = layers.LayerNormalization()(layers.Add()([h, layers.MultiHeadAttention(4, 8)(h, h)]))
        h = layers.LayerNormalization()(
            layers.Add()([h, layers.Dense(32)(layers.Dense(64, activation="gelu")(h))])
        )
    return keras.Model(x, layers.Dense(2)(tap(layers.GlobalAveragePooling1D()(h))))


def _autoencoder(tap: Tap) -> Any:
    h = x = keras.Input((16, 16, 2), name="x")
    for width in (8, 16):
        h = layers.Conv2D(width, 3, strides=2, padding="same", activation="elu")(h)
    h = tap(h)
    for width in (8, 2):
        h = layers.Conv2DTranspose(width, 3, strides=2, padding="same", activation="elu")(h)
    return keras.Model(x, h)


def _two_heads(tap: Tap) -> Any:
    x = keras.Input((16,), name="x")
    h = layers.Dense(48)(layers.Normalization(mean=[5.0] * 16, variance=[400.0] * 16)(x))
    for _ in range(3):
        h = layers.Add()([h, layers.Dense(48, activation="swish")(layers.LayerNormalization()(h))])
    h = tap(h)
    return keras.Model(x, {"amount": layers.Dense(1)(h), "kind": layers.Dense(4, activation="softmax")(h)})


def _squeezed(tap: Tap) -> Any:
    x = keras.Input((24, 24, 3), name="x")
    h = layers.SeparableConv2D(16, 3, activation="swish")(layers.Conv2D(8, 3, strides=2)(x))
    gate = layers.Dense(16, activation="sigmoid")(
        layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(h))
    )
    h = layers.DepthwiseConv2D(3)(layers.Multiply()([h, layers.Reshape((1, 1, 16))(gate)]))
    return keras.Model(x, layers.Dense(3)(tap(layers.Flatten()(h))))


def _forecaster(tap: Tap) -> Any:
    x = keras.Input((60, 4), name="x")
    return keras.Model(x, layers.Dense(6)(tap(layers.LSTM(32)(layers.LSTM(32, return_sequences=True)(x)))))


ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture(name="regressor", build=_regressor, rows=_normal(30)),
    Architecture(name="pooled CNN", build=_pooled_cnn, rows=_normal(28, 28, 1)),
    Architecture(name="tagger (GRU)", build=_tagger, rows=_normal(20, 6)),
    Architecture(name="encoder (attention)", build=_encoder, rows=_normal(16, 10)),
    Architecture(name="wide and deep", build=_wide_and_deep, rows=_wide_and_deep_rows),
    Architecture(name="BatchNorm MLP", build=_normalised_mlp, rows=_normal(20, scale=3.0)),
    Architecture(name="dilated Conv1D", build=_dilated, rows=_normal(64, 3)),
    Architecture(name="reader (BiLSTM)", build=_reader, rows=_tokens(24, 200)),
    Architecture(name="autoencoder", build=_autoencoder, rows=_normal(16, 16, 2)),
    Architecture(name="two heads", build=_two_heads, rows=_normal(16, scale=20.0)),
    Architecture(name="squeezed CNN", build=_squeezed, rows=_normal(24, 24, 3)),
    Architecture(name="forecaster (LSTM)", build=_forecaster, rows=_normal(60, 4)),
)
