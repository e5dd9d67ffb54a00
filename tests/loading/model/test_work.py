"""Multiplications of one row, counted from the layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.model.work import count_work


def shared() -> keras.Model:
    dense = layers.Dense(4, use_bias=False)
    first, second = keras.Input((3,)), keras.Input((3,))
    return keras.Model([first, second], layers.Add()([dense(first), dense(second)]))


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, use_bias=False)])
    return keras.Sequential([keras.Input((3,)), inner, layers.Dense(2, use_bias=False)])


def of(shape: tuple[int | None, ...], *parts: Any, dtype: str = "float32") -> Callable[[], keras.Model]:
    return lambda: keras.Sequential([keras.Input(shape, dtype=dtype), *parts])


@pytest.mark.parametrize(
    ("build", "work"),
    [
        (of((10,), layers.Dense(64, use_bias=False), layers.Dense(1, use_bias=False)), 10 * 64 + 64),
        (of((8, 8, 3), layers.Conv2D(5, 3, use_bias=False)), 6 * 6 * 5 * 3 * 9),
        (of((8, 8, 3), layers.DepthwiseConv2D(3, use_bias=False)), 6 * 6 * 3 * 9),
        (of((4, 4, 3), layers.Conv2DTranspose(5, 2, strides=2, use_bias=False)), 8 * 8 * 4 * 3 * 5),
        (of((20, 3), layers.LSTM(500, use_bias=False)), 20 * (3 + 500) * 2000),
        (of((20, 3), layers.Bidirectional(layers.GRU(500, use_bias=False))), 20 * 2 * (3 + 500) * 1500),
        (of((20, 3), layers.GRU(5)), 20 * 200_000),
        (of((7,), layers.Embedding(1000, 8), dtype="int32"), 0),
        (of((None, 3), layers.Dense(2, use_bias=False)), 64 * 6),
        (shared, 2 * 12),
        (nested, 12 + 8),
    ],
)
def test_weights_count_once_for_each_position(build: Callable[[], keras.Model], work: int) -> None:
    model = build()
    assert count_work(model) == work
    assert describe_model(model).work == work


def test_attention_multiplies_pairs_of_steps() -> None:
    x = keras.Input((16, 6))
    model = keras.Model(x, layers.MultiHeadAttention(2, 3, use_bias=False)(x, x))
    assert count_work(model) == 16 * 4 * 6 * 6 + 2 * 16 * 16 * 6


def test_the_work_of_a_model_without_a_graph_is_not_known() -> None:
    class Plain(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Plain()
    model(keras.ops.zeros((2, 3)))
    assert describe_model(model).rows_for_work(1.0, fewest=1) > 10**6
