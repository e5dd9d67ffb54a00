"""Clean models on sequences, words and ids."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import CUSTOM, Case, Rows, flags, ids, steps
from tests.corpus.custom_layers import Affinity, Along, Reduce
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

FAMILY = "clean-sequences"
WORDS = ("red", "green", "blue", "grey", "ash")


def _hosted(host: str, adjust: Any, note: str, custom: bool = False) -> Case:
    chosen = HOSTS[host]
    args = CUSTOM if custom else ()
    return Case(
        name=f"{host}, {note}",
        family=FAMILY,
        build=lambda: chosen.build(adjust()),
        data=chosen.data,
        args=args,
    )


def stacked_with_dropout() -> Any:
    """Recurrent layers with both kinds of dropout, which act in training only."""
    parts = [
        layers.LSTM(8, dropout=0.3, recurrent_dropout=0.3, return_sequences=True),
        layers.SimpleRNN(6),
        layers.Dense(2),
    ]
    return keras.Sequential([keras.Input((10, 3)), *parts])


def bidirectional() -> Any:
    """A bidirectional LSTM over sequences of any length."""
    return keras.Sequential([keras.Input((None, 4)), layers.Bidirectional(layers.LSTM(7)), layers.Dense(1)])


def masked_steps() -> Any:
    """Time steps of zeros are masked."""
    return keras.Sequential(
        [keras.Input((None, 3)), layers.Masking(0.0), layers.GRU(8), layers.Dense(2, activation="softmax")]
    )


def masked_rows(random: np.random.Generator) -> Rows:
    """Rows of `masked_steps`, padded with zeros after lengths from 3 to 9."""
    values = random.normal(size=(48, 9, 3)).astype("float32")
    return np.where(
        np.arange(9)[None, :, None] < random.integers(3, 10, size=(48, 1, 1)), values, np.float32(0.0)
    )


def film() -> Any:
    """A convolutional LSTM."""
    return keras.Sequential(
        [keras.Input((3, 6, 6, 1)), layers.ConvLSTM2D(3, 3), layers.Flatten(), layers.Dense(2)]
    )


def film_rows(random: np.random.Generator) -> Rows:
    """Rows of `film`."""
    return random.random(size=(34, 3, 6, 6, 1)).astype("float32")


def decoder() -> Any:
    """Causal grouped-query attention over embedded words."""
    words = keras.Input((9,), dtype="int32")
    tokens = layers.Embedding(30, 8)(words)
    attended = layers.GroupQueryAttention(4, 4, 2)(tokens, tokens, use_causal_mask=True)
    return keras.Model(words, layers.Dense(30)(layers.LayerNormalization()(tokens + attended)))


def einsum() -> Any:
    """EinsumDense over the time steps."""
    parts = [
        layers.EinsumDense("btf,fgh->btgh", output_shape=(None, 3, 4)),
        layers.Reshape((-1, 12)),
        layers.GlobalAveragePooling1D(),
    ]
    return keras.Sequential([keras.Input((6, 5)), *parts, layers.Dense(2)])


def cross_attention() -> Any:
    """A question attends to a text: two inputs of different length."""
    question, text = keras.Input((4, 6), name="question"), keras.Input((7, 6), name="text")
    found = layers.Attention(use_scale=True)([question, text])
    return keras.Model(
        {"question": question, "text": text},
        layers.Dense(1)(layers.Flatten()(layers.Add()([question, found]))),
    )


def question_rows(random: np.random.Generator) -> Rows:
    """Rows of `cross_attention`."""
    return {
        name: random.normal(size=(40, length, 6)).astype("float32")
        for name, length in (("question", 4), ("text", 7))
    }


def spoken() -> Any:
    """Strings looked up and embedded."""
    words = keras.Input((3,), dtype="string")
    known = layers.StringLookup(vocabulary=list(WORDS))(words)
    return keras.Model(
        words, layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Embedding(6, 4)(known)))
    )


def spoken_rows(random: np.random.Generator) -> Rows:
    """Rows of `spoken`, including an unknown word."""
    return random.choice(np.array([*WORDS, "violet"]), size=(46, 3))


def numbered() -> Any:
    """Integer lookup, one-hot and hashing."""
    codes = keras.Input((2,), dtype="int64")
    known = layers.IntegerLookup(vocabulary=[10, 20, 30, 40])(codes)
    hot = layers.CategoryEncoding(num_tokens=5, output_mode="multi_hot")(known)
    return keras.Model(codes, layers.Dense(1)(hot))


def code_rows(random: np.random.Generator) -> Rows:
    """Rows of `numbered`, as 64-bit whole numbers."""
    return random.choice(np.array([10, 20, 30, 40, 50], dtype="int64"), size=(52, 2))


def switches() -> Any:
    """Boolean inputs."""
    on = keras.Input((8,), dtype="bool")
    return keras.Model(on, layers.Dense(2)(ops.cast(on, "float32")))


CASES: tuple[Case, ...] = (
    _hosted(
        "forecaster", lambda: Along("cumulate", axis=1, name="adjust"), "cumulated over time", custom=True
    ),
    _hosted("tagger", lambda: layers.SpatialDropout1D(0.2, name="adjust"), "spatial dropout"),
    _hosted(
        "filterbank", lambda: Along("first", axis=1, name="adjust"), "relative to the first step", custom=True
    ),
    _hosted("transformer", lambda: Affinity(name="adjust"), "second attention over time", custom=True),
    _hosted("reader", lambda: Reduce("centre", axis=-1, name="adjust"), "masked words, centred", custom=True),
    _hosted("frames", lambda: Along("reverse", axis=1, name="adjust"), "time reversed", custom=True),
    _hosted("graph-network", lambda: Affinity(name="adjust"), "attention over nodes", custom=True),
    Case(name="recurrent dropout", family=FAMILY, build=stacked_with_dropout, data=steps(10, 3)),
    Case(name="bidirectional of any length", family=FAMILY, build=bidirectional, data=steps(8, 4)),
    Case(name="masked steps", family=FAMILY, build=masked_steps, data=masked_rows),
    Case(name="convolutional LSTM", family=FAMILY, build=film, data=film_rows),
    Case(name="causal decoder", family=FAMILY, build=decoder, data=ids(30, 9)),
    Case(name="einsum", family=FAMILY, build=einsum, data=steps(6, 5)),
    Case(name="cross attention", family=FAMILY, build=cross_attention, data=question_rows),
    Case(name="strings", family=FAMILY, build=spoken, data=spoken_rows),
    Case(name="64-bit codes", family=FAMILY, build=numbered, data=code_rows),
    Case(name="booleans", family=FAMILY, build=switches, data=flags(8)),
)
