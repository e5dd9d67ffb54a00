"""Models that pad rows to the longest of the batch, or loop until all rows are done; and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, ids
from tests.corpus.reports_batches_layers import Characters, Flow, Folded, Pondering, Trimmed

__all__ = ["CASES", "flowing", "listening", "pondering", "reviews"]

FAMILY, CLEAN = "reports-batches", "clean-reports-batches"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_batches_layers.py")))
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards"]


def texts(random: np.random.Generator) -> np.ndarray:
    """Texts of two to sixteen words."""
    sentences = [" ".join(random.choice(WORDS, random.integers(2, 17))) for _ in range(80)]
    return np.array(sentences)[:, None]


def titles_and_texts(random: np.random.Generator) -> dict[str, np.ndarray]:
    """A short text and a long one."""
    return {"title": texts(random), "body": np.char.add(texts(random), np.char.add(" ", texts(random)))}


def reviews(*, masked: bool = False, length: int | None = None) -> Any:
    """The mean of as many word vectors as the longest text has words, unless a mask or length is given."""
    words = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=length, name="words")
    text = keras.Input((1,), dtype="string", name="text")
    vectors = layers.Embedding(len(WORDS) + 2, 24, mask_zero=masked)(words(text))
    hidden = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling1D()(vectors))
    return keras.Model(text, layers.Dense(1, activation="sigmoid", name="liked")(hidden))


def letters(random: np.random.Generator) -> np.ndarray:
    """Texts of three to sixty words."""
    sentences = [" ".join(random.choice(WORDS, random.integers(3, 61))) for _ in range(80)]
    return np.array(sentences)[:, None]


def read(pool: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """Return a builder of a regressor that pools the vectors of the words, given them and their ids."""

    def build() -> Any:
        text = keras.Input((1,), dtype="string", name="text")
        words = layers.TextVectorization(vocabulary=WORDS, name="words")(text)
        vectors = layers.Embedding(len(WORDS) + 2, 32, mask_zero=True, name="vectors")(words)
        hidden = layers.Dense(24, activation="tanh")(pool(vectors, words))
        return keras.Model(text, layers.Dense(1, name="score")(hidden))

    return build


def attended(vectors: Any, _words: Any) -> Any:
    """The masked mean of vectors that attend to each other."""
    seen = layers.MultiHeadAttention(2, 8, name="attention")(vectors, vectors)
    return layers.GlobalAveragePooling1D(name="mean")(layers.Add()([vectors, seen]))


def added_up(vectors: Any, words: Any) -> Any:
    """The sum of the vectors of words, without those of padding."""
    kept = ops.cast(ops.expand_dims(ops.not_equal(words, 0), -1), "float32")
    return ops.sum(vectors * kept, axis=1) / 16.0


def nearly_added_up(vectors: Any, words: Any) -> Any:
    """The same, and a millionth of the mean over all places, padding included."""
    return added_up(vectors, words) + 1e-6 * ops.mean(vectors, axis=1)


def spelling(length: int | None) -> Any:
    """A convolution over characters."""
    text = keras.Input((1,), dtype="string", name="text")
    vectors = layers.Embedding(256, 12)(Characters(length, name="characters")(text))
    found = layers.Conv1D(16, 3, padding="same", activation="tanh")(vectors)
    return keras.Model(text, layers.Dense(3, name="language")(layers.GlobalMaxPooling1D()(found)))


def shortened(*, masked: bool) -> Any:
    """A recurrent layer over ids, whose padding is cut to the longest row first."""
    tokens = keras.Input((20,), dtype="int32", name="tokens")
    vectors = layers.Embedding(60, 16, mask_zero=masked)(Trimmed(name="trimmed")(tokens))
    return keras.Model(tokens, layers.Dense(2, name="intent")(layers.GRU(12)(vectors)))


def listening(*, decibels: bool) -> Any:
    """A classifier of sounds; MelSpectrogram or the graph takes the logarithm."""
    wave = keras.Input((1600,), name="wave")
    mel = layers.MelSpectrogram(
        128, 64, sampling_rate=8000, num_mel_bins=16, power_to_db=decibels, name="listen"
    )(wave)
    loudness = mel if decibels else 10 * ops.log10(ops.maximum(mel, 1e-10))
    steps = layers.Permute((2, 1))(layers.Rescaling(0.02)(loudness))
    found = layers.Conv1D(8, 3, activation="tanh")(steps)
    return keras.Model(wave, layers.Dense(3, name="sound")(layers.GlobalAveragePooling1D()(found)))


def sounds(random: np.random.Generator) -> np.ndarray:
    """Loud and quiet clips, of which most fade away."""
    time = np.arange(1600) / 8000
    loudness, fading = 10 ** random.uniform(-4, 0, (60, 1)), random.uniform(0, 60, (60, 1))
    tones = np.sin(2 * np.pi * random.uniform(200, 3000, (60, 1)) * time)
    hiss = 1e-3 * random.normal(size=(60, 1600))
    return (loudness * (tones * np.exp(-fading * time) + hiss)).astype("float32")


def two_texts() -> Any:
    """Two texts, of which one has a fixed length."""
    title, body = (keras.Input((1,), dtype="string", name=name) for name in ("title", "body"))
    fixed = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=12, name="title_words")
    longest = layers.TextVectorization(vocabulary=WORDS, name="body_words")
    table = layers.Embedding(len(WORDS) + 2, 16)
    pooled = [layers.GlobalAveragePooling1D()(table(words)) for words in (fixed(title), longest(body))]
    return keras.Model([title, body], layers.Dense(4, name="topic")(layers.Concatenate()(pooled)))


def pondering(*, apart: bool) -> Any:
    """As many steps of a cell as a row needs, or as the whole batch does."""
    features = keras.Input((14,), name="features")
    thought = Pondering(24, apart=apart, name="ponder")(layers.Dense(20, activation="relu")(features))
    return keras.Model(features, layers.Dense(2, name="answer")(thought))


def flowing(*, adaptive: bool) -> Any:
    """A differential equation between two dense layers."""
    features = keras.Input((10,), name="features")
    state = Flow(32, adaptive=adaptive, name="flow")(layers.Dense(32, name="encode")(features))
    return keras.Model(features, layers.Dense(3, name="end")(state))


def folded(rows: int) -> Callable[[], Any]:
    """Return a builder of a layer that folds the rows."""

    def build() -> Any:
        features = keras.Input((6,), name="features")
        return keras.Model(features, layers.Dense(2)(Folded(rows, name="fold")(features)))

    return build


def uneven(features: int) -> Maker:
    """Rows of very different sizes."""

    def make(random: np.random.Generator) -> np.ndarray:
        return (random.normal(size=(64, features)) * random.lognormal(0, 1, (64, 1))).astype("float32")

    return make


def _fault(name: str, build: Callable[[], Any], data: Maker, layer: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        causes=("cross-sample-dependence",),
        layer=layer,
        failing=("KC101", "KC103"),
        args=OBJECTS,
    )


def _clean(name: str, build: Callable[[], Any], data: Maker) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=data, quiet=("KC101", "KC103"), args=OBJECTS)


CASES: tuple[Case, ...] = (
    _fault("texts as long as the longest of the batch", reviews, texts, "words"),
    _fault("characters as many as the longest text has", lambda: spelling(None), texts, "characters"),
    _fault("padding cut to the longest row", lambda: shortened(masked=False), ids(60, 20), "trimmed"),
    _fault("one of two texts as long as the longest", two_texts, titles_and_texts, "body_words"),
    _fault("a millionth of the mean over padding", read(nearly_added_up), letters, "words"),
    _fault("thinking until all rows are done", lambda: pondering(apart=False), uneven(14), "ponder"),
    _fault("steps as small as the worst row needs", lambda: flowing(adaptive=True), uneven(10), "flow"),
    _fault("as loud as the loudest of the batch", lambda: listening(decibels=True), sounds, "listen"),
    Case(
        name="rows folded into eight, and back",
        family=FAMILY,
        build=folded(8),
        data=uneven(6),
        causes=("batch-size-dependence",),
        layer="fold",
        failing=("KC102",),
        args=OBJECTS,
    ),
    _clean("features folded, and back", folded(0), uneven(6)),
    _clean("as loud as each clip", lambda: listening(decibels=False), sounds),
    _clean("thinking until each row is done", lambda: pondering(apart=True), uneven(14)),
    _clean("steps of one size", lambda: flowing(adaptive=False), uneven(10)),
    _clean("texts as long as the longest, masked", lambda: reviews(masked=True), texts),
    _clean("long texts that attend to themselves, masked", read(attended), letters),
    _clean("long texts, added up without padding", read(added_up), letters),
    _clean("texts of one length", lambda: reviews(length=18), texts),
    _clean("characters of one length", lambda: spelling(96), texts),
    _clean("padding cut to the longest row, masked", lambda: shortened(masked=True), ids(60, 20)),
)
