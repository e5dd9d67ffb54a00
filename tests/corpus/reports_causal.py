"""Decoders with a causal mask in which later time steps change earlier outputs; and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case
from tests.corpus.mask_layers import Heads

__all__ = ["CASES", "convolved", "language_model"]

FAMILY, CLEAN = "reports-causal", "clean-reports-causal"
Part = Callable[[Any], Any]
MASK_LAYERS = ("--custom-objects", str(Path(__file__).resolve().parent / "mask_layers.py"))


def tokens_of_texts(random: np.random.Generator) -> np.ndarray:
    """Texts of fourteen tokens."""
    return random.integers(0, 60, (40, 14), dtype="int32")


def language_model(*parts: Part) -> Any:
    """A causal block of attention, then the parts, each added to what it is given."""
    tokens = keras.Input((14,), dtype="int32", name="tokens")
    hidden = layers.Embedding(60, 24, name="table")(tokens)
    for part in (attended, *parts):
        hidden = layers.LayerNormalization()(hidden + part(hidden))
    return keras.Model(tokens, layers.Dense(60, name="next")(hidden))


def attended(hidden: Any) -> Any:
    """Self-attention to earlier time steps."""
    heads = layers.MultiHeadAttention(2, 12, dropout=0.1, name="heads")
    return heads(hidden, hidden, use_causal_mask=True)


def convolved(padding: str) -> Part:
    """A convolution in place of a dense layer."""
    return lambda hidden: layers.Conv1D(24, 3, padding=padding, activation="gelu", name="mix")(hidden)


def squeezed(hidden: Any) -> Any:
    """Channels weighted by their mean over the whole text."""
    weights = layers.Dense(24, activation="sigmoid")(layers.GlobalAveragePooling1D(keepdims=True)(hidden))
    return layers.Multiply(name="excite")([hidden, weights])


def shared_out(hidden: Any) -> Any:
    """Shares of each feature over the time steps."""
    return layers.Softmax(axis=1, name="shares")(hidden)


def own_heads(*, causal: bool) -> Any:
    """A block with a class of the owner's that extends attention, asked for a causal mask."""
    tokens = keras.Input((14,), dtype="int32", name="tokens")
    hidden = layers.Embedding(60, 24, name="table")(tokens)
    heads = Heads(2, 12, causal=causal, name="heads")
    hidden = layers.LayerNormalization()(hidden + heads(hidden, hidden, use_causal_mask=True))
    return keras.Model(tokens, layers.Dense(60, name="next")(hidden))


def both_ways() -> Any:
    """A causal block over the text, and one over the text read backwards."""
    tokens = keras.Input((14,), dtype="int32", name="tokens")
    hidden = layers.Embedding(60, 24)(tokens)
    forwards = layers.MultiHeadAttention(2, 12)(hidden, hidden, use_causal_mask=True)
    turned = ops.flip(hidden, axis=1)
    backwards = layers.MultiHeadAttention(2, 12)(turned, turned, use_causal_mask=True)
    joined = layers.Concatenate()([forwards, ops.flip(backwards, axis=1)])
    return keras.Model(tokens, layers.Dense(5, name="tags")(joined))


def autoencoder() -> Any:
    """An encoder that sees the whole text, and a causal decoder that attends to it."""
    tokens = keras.Input((14,), dtype="int32", name="tokens")
    hidden = layers.Embedding(60, 24)(tokens)
    encoded = layers.LayerNormalization()(hidden + layers.MultiHeadAttention(2, 12)(hidden, hidden))
    decoded = layers.LayerNormalization()(hidden + attended(hidden))
    decoded = layers.LayerNormalization()(decoded + layers.MultiHeadAttention(2, 12)(decoded, encoded))
    return keras.Model(tokens, layers.Dense(60, name="same")(decoded))


def _fault(name: str, part: Part, layer: str | None) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=lambda: language_model(part),
        data=tokens_of_texts,
        causes=("stepwise-differs",),
        layer=layer,
        failing=("KC503",),
    )


def _clean(name: str, build: Callable[[], Any]) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=tokens_of_texts, quiet=("KC503",))


CASES: tuple[Case, ...] = (
    _fault("a centred convolution behind a causal mask", convolved("same"), "mix"),
    _fault("channels weighted over the text behind a causal mask", squeezed, "excite"),
    _fault("a softmax over time behind a causal mask", shared_out, "shares"),
    replace(
        _fault("a subclass of attention that drops its causal mask", attended, "heads"),
        build=lambda: own_heads(causal=False),
        args=MASK_LAYERS,
    ),
    replace(
        _clean("a subclass of attention with a causal mask", lambda: own_heads(causal=True)),
        args=MASK_LAYERS,
    ),
    _clean("a causal convolution behind a causal mask", lambda: language_model(convolved("causal"))),
    _clean("causal masks in both directions", both_ways),
    _clean("a causal decoder of the text that it gets", autoencoder),
)
