"""Architectures with one place for a fault; each takes a function of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Maker, Rows, flat, ids, pictures, steps

__all__ = ["HOSTS", "Host"]

Tensor = Any
Plant = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Host:
    """An architecture and rows that fit it.

    `within` is the path of the model that holds the place, with a slash at its end.
    """

    build: Callable[[Plant], Any]
    data: Maker
    within: str = ""


def perceptron(plant: Plant) -> Any:
    """12-32-16-1 with a sigmoid head."""
    rows = keras.Input((12,))
    hidden = layers.Dense(16, activation="relu")(plant(layers.Dense(32, activation="tanh")(rows)))
    return keras.Model(rows, layers.Dense(1, activation="sigmoid")(hidden))


def regressor(plant: Plant) -> Any:
    """Three wide tanh layers, four linear outputs."""
    rows = keras.Input((20,))
    hidden = plant(layers.Dense(48, activation="tanh")(layers.Dense(48, activation="silu")(rows)))
    return keras.Model(rows, layers.Dense(4)(layers.Dense(24, activation="tanh")(hidden)))


def residual(plant: Plant) -> Any:
    """Four residual blocks with BatchNormalization."""
    rows = keras.Input((16,))
    hidden = rows
    for block in range(4):
        change = layers.Dense(16, activation="relu")(layers.BatchNormalization()(hidden))
        hidden = layers.Add()([hidden, plant(change) if block == 2 else change])
    return keras.Model(rows, layers.Dense(3, activation="softmax")(hidden))


def autoencoder(plant: Plant) -> Any:
    """18-8-3-8-18."""
    rows = keras.Input((18,))
    code = plant(layers.Dense(3)(layers.Dense(8, activation="elu")(rows)))
    return keras.Model(rows, layers.Dense(18)(layers.Dense(8, activation="elu")(code)))


def experts(plant: Plant) -> Any:
    """A softmax gate over three small experts; the place is in one of them."""
    rows = keras.Input((10,))
    gate = layers.Dense(3, activation="softmax")(rows)
    voices = [layers.Dense(6, activation="relu")(rows) for _ in range(3)]
    stacked = ops.stack([voices[0], plant(voices[1]), voices[2]], axis=1)
    return keras.Model(rows, layers.Dense(2)(ops.sum(stacked * ops.expand_dims(gate, -1), axis=1)))


def image_classifier(plant: Plant) -> Any:
    """Two convolutions with BatchNormalization; the place is between them."""
    picture = keras.Input((10, 10, 3))
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3)(picture)))
    hidden = layers.Conv2D(8, 3, activation="relu")(plant(hidden))
    return keras.Model(
        picture, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(hidden))
    )


def image_embedding(plant: Plant) -> Any:
    """Strided separable convolutions to a flat embedding, which is the place."""
    picture = keras.Input((12, 12, 2))
    hidden = layers.SeparableConv2D(8, 3, strides=2, activation="relu")(picture)
    hidden = layers.Flatten()(layers.DepthwiseConv2D(3, activation="relu")(hidden))
    return keras.Model(picture, layers.Dense(6)(plant(layers.Dense(12)(hidden))))


def segmenter(plant: Plant) -> Any:
    """A U-Net of two levels; the place is at the bottom."""
    picture = keras.Input((8, 8, 1))
    top = layers.Conv2D(4, 3, padding="same", activation="relu")(picture)
    bottom = plant(layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(top)))
    raised = layers.Conv2DTranspose(4, 2, strides=2)(bottom)
    return keras.Model(
        picture, layers.Conv2D(1, 1, activation="sigmoid")(layers.Concatenate()([top, raised]))
    )


def forecaster(plant: Plant) -> Any:
    """Two LSTM layers; the place is the sequence between them."""
    series = keras.Input((9, 4))
    hidden = plant(layers.LSTM(10, return_sequences=True)(series))
    return keras.Model(series, layers.Dense(1)(layers.LSTM(6)(hidden)))


def tagger(plant: Plant) -> Any:
    """Bidirectional GRU with a tag for every time step, of any length."""
    series = keras.Input((None, 5))
    hidden = plant(layers.Bidirectional(layers.GRU(6, return_sequences=True))(series))
    return keras.Model(series, layers.Dense(3, activation="softmax")(hidden))


def filterbank(plant: Plant) -> Any:
    """Causal convolutions over time."""
    series = keras.Input((16, 3))
    hidden = layers.Conv1D(8, 3, padding="causal", activation="gelu")(series)
    hidden = layers.Conv1D(8, 3, dilation_rate=2, padding="causal")(plant(hidden))
    return keras.Model(series, layers.Dense(2)(layers.GlobalMaxPooling1D()(hidden)))


def transformer(plant: Plant) -> Any:
    """One encoder block with self-attention; the place is before its feed-forward half."""
    series = keras.Input((8, 12))
    attended = layers.LayerNormalization()(series + layers.MultiHeadAttention(2, 6)(series, series))
    fed = layers.Dense(12)(layers.Dense(24, activation="gelu")(plant(attended)))
    return keras.Model(
        series, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(attended + fed))
    )


def reader(plant: Plant) -> Any:
    """Masked embedding and a GRU; the place is the sentence vector."""
    words = keras.Input((11,), dtype="int32")
    sentence = layers.GRU(8)(layers.Embedding(40, 6, mask_zero=True)(words))
    return keras.Model(words, layers.Dense(2, activation="softmax")(plant(sentence)))


def shop(plant: Plant) -> Any:
    """Numbers and a category id; the place is in the branch of the numbers."""
    numbers, category = keras.Input((7,), name="numbers"), keras.Input((1,), dtype="int32", name="category")
    left = plant(layers.Dense(9, activation="relu")(numbers))
    right = layers.Flatten()(layers.Embedding(15, 4)(category))
    return keras.Model(
        {"numbers": numbers, "category": category}, layers.Dense(1)(layers.Concatenate()([left, right]))
    )


def shop_rows(random: np.random.Generator) -> Rows:
    """Rows of `shop`."""
    return {
        "numbers": random.normal(size=(66, 7)).astype("float32"),
        "category": random.integers(0, 15, size=(66, 1), dtype="int32"),
    }


def twins(plant: Plant) -> Any:
    """Two inputs through one shared encoder and their distance; the place is in the second branch."""
    left, right = keras.Input((9,), name="left"), keras.Input((9,), name="right")
    encoder = layers.Dense(7, activation="tanh")
    return keras.Model([left, right], layers.Dense(1)(ops.abs(encoder(left) - plant(encoder(right)))))


def twin_rows(random: np.random.Generator) -> Rows:
    """Rows of `twins`."""
    return {name: random.normal(size=(58, 9)).astype("float32") for name in ("left", "right")}


def two_heads(plant: Plant) -> Any:
    """A class and a price from one trunk; the place is only before the price."""
    rows = keras.Input((13,))
    trunk = layers.Dense(16, activation="relu")(rows)
    price = layers.Dense(1, name="price")(plant(layers.Dense(8, activation="tanh")(trunk)))
    return keras.Model(
        rows, {"kind": layers.Dense(4, activation="softmax", name="kind")(trunk), "price": price}
    )


def boxed(plant: Plant) -> Any:
    """The place is in a nested model."""
    inner_rows = keras.Input((10,))
    inner = keras.Model(
        inner_rows, layers.Dense(8)(plant(layers.Dense(10, activation="relu")(inner_rows))), name="encoder"
    )
    rows = keras.Input((14,))
    return keras.Model(rows, layers.Dense(2)(inner(layers.Dense(10, activation="tanh")(rows))))


def boxed_twice(plant: Plant) -> Any:
    """The place is in a model nested twice."""
    deep_rows, middle_rows, rows = keras.Input((6,)), keras.Input((6,)), keras.Input((11,))
    deep = keras.Model(
        deep_rows, layers.Dense(6)(plant(layers.Dense(6, activation="tanh")(deep_rows))), name="core_block"
    )
    middle = keras.Model(middle_rows, layers.LayerNormalization()(deep(middle_rows)), name="stage")
    return keras.Model(rows, layers.Dense(3, activation="softmax")(middle(layers.Dense(6)(rows))))


def frames(plant: Plant) -> Any:
    """A small convolution on every frame, pooled over time; the place is the sequence of frame vectors."""
    clip = keras.Input((3, 6, 6, 1))
    vectors = layers.TimeDistributed(layers.Flatten())(
        layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu"))(clip)
    )
    return keras.Model(
        clip, layers.Dense(2)(layers.GlobalAveragePooling1D()(plant(layers.Dense(6)(vectors))))
    )


def clips(random: np.random.Generator) -> Rows:
    """Rows of `frames`."""
    return random.random(size=(34, 3, 6, 6, 1)).astype("float32")


def graph_network(plant: Plant) -> Any:
    """Messages between the five nodes of each row's own graph, by einsum."""
    nodes = keras.Input((5, 6))
    similarity = ops.softmax(ops.einsum("bif,bjf->bij", nodes, nodes))
    messages = plant(layers.Dense(6, activation="relu")(ops.einsum("bij,bjf->bif", similarity, nodes)))
    return keras.Model(nodes, layers.Dense(2)(layers.Flatten()(messages)))


HOSTS: Mapping[str, Host] = {
    "perceptron": Host(build=perceptron, data=flat(12)),
    "regressor": Host(build=regressor, data=flat(20, rows=90)),
    "residual": Host(build=residual, data=flat(16)),
    "autoencoder": Host(build=autoencoder, data=flat(18)),
    "experts": Host(build=experts, data=flat(10, rows=52)),
    "image-classifier": Host(build=image_classifier, data=pictures(10, 10, 3)),
    "image-embedding": Host(build=image_embedding, data=pictures(12, 12, 2)),
    "segmenter": Host(build=segmenter, data=pictures(8, 8, 1, rows=36)),
    "forecaster": Host(build=forecaster, data=steps(9, 4)),
    "tagger": Host(build=tagger, data=steps(7, 5)),
    "filterbank": Host(build=filterbank, data=steps(16, 3)),
    "transformer": Host(build=transformer, data=steps(8, 12)),
    "reader": Host(build=reader, data=ids(40, 11)),
    "shop": Host(build=shop, data=shop_rows),
    "twins": Host(build=twins, data=twin_rows),
    "two-heads": Host(build=two_heads, data=flat(13)),
    "boxed": Host(build=boxed, data=flat(14), within="encoder/"),
    "boxed-twice": Host(build=boxed_twice, data=flat(11), within="stage/core_block/"),
    "frames": Host(build=frames, data=clips),
    "graph-network": Host(build=graph_network, data=steps(5, 6)),
}
