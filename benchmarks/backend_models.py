"""Healthy models of several depths, to see how far backends round apart: `python -m benchmarks.backends`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import keras
import numpy as np
from keras import layers

__all__ = ["MODELS"]

Built = tuple[keras.Model, np.ndarray]
_ROWS = 48


def _rows(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(_ROWS, *shape)).astype(np.float32)


def _mlp(depth: int, activation: str, *, residual: bool = False) -> Built:
    inputs = keras.Input((16,))
    values = layers.Dense(64, activation=activation)(inputs)
    for _ in range(depth):
        added = layers.Dense(64, activation=activation)(values)
        values = layers.Add()([values, layers.LayerNormalization()(added)]) if residual else added
    return keras.Model(inputs, layers.Dense(3)(values)), _rows(16)


def _cnn(depth: int) -> Built:
    inputs = values = keras.Input((16, 16, 3))
    for _ in range(depth):
        values = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", activation="relu")(values))
    return keras.Model(inputs, layers.Dense(5, "softmax")(layers.GlobalAveragePooling2D()(values))), _rows(
        16, 16, 3
    )


def _recurrent(make: Callable[[], keras.layers.Layer], steps: int) -> Built:
    inputs = keras.Input((steps, 4))
    return keras.Model(inputs, layers.Dense(2)(make()(inputs))), _rows(steps, 4)


def _attention(depth: int) -> Built:
    inputs = keras.Input((20, 8))
    values = layers.Dense(32)(inputs)
    for _ in range(depth):
        normal = layers.LayerNormalization()(values)
        values = layers.Add()([values, layers.MultiHeadAttention(4, 8)(normal, normal)])
        wide = layers.Dense(128, activation="gelu")(layers.LayerNormalization()(values))
        values = layers.Add()([values, layers.Dense(32)(wide)])
    return keras.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(values))), _rows(
        20, 8
    )


def _sum(count: int) -> Built:
    inputs = keras.Input((count,))
    return keras.Model(inputs, layers.Dense(2)(inputs)), _rows(count)


MODELS: Mapping[str, Callable[[], Built]] = {
    **{
        f"MLP of {depth} layers, {name}": partial(_mlp, depth, name)
        for name in ("relu", "tanh", "gelu")
        for depth in (3, 30, 100)
    },
    **{f"residual MLP of {depth} layers": partial(_mlp, depth, "relu", residual=True) for depth in (10, 100)},
    **{f"CNN of {depth} layers": partial(_cnn, depth) for depth in (3, 30)},
    **{
        f"LSTM over {steps} steps": partial(_recurrent, lambda: layers.LSTM(32), steps)
        for steps in (10, 80, 300)
    },
    **{f"GRU over {steps} steps": partial(_recurrent, lambda: layers.GRU(32), steps) for steps in (10, 300)},
    **{f"Transformer of {depth} layers": partial(_attention, depth) for depth in (1, 4, 12)},
    **{f"sum of {count:,} numbers": partial(_sum, count) for count in (4_096, 100_000)},
}
"""By name: a function that returns a model and rows."""
