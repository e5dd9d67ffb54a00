"""Advice of causes in padding and masks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.advice.edits import array, give_facts, give_model, give_rows, option, rebuild
from tests.advice.fixed_layers import Averaging, Filtering, Scaling
from tests.advice.found import corpus_trial
from tests.advice.trial import Trial
from tests.advice.trials_calls import own_layer
from tests.corpus.cases import Case, Files
from tests.corpus.reports_masks import (
    _padded,
    averaged,
    backwards,
    filtered,
    handed_on,
    headed,
    peaked_true_steps,
    placed,
    read_by,
    words,
)

__all__ = ["TRIALS"]


def _scaled_by_a_layer(_model: Any) -> Any:
    series = keras.Input((9, 3))
    scaled = Scaling(name="scaled")(layers.Masking()(series))
    return keras.Model(series, layers.Dense(1)(layers.LSTM(5)(scaled)))


def _filtered(_model: Any) -> Any:
    parts = [Filtering(4, 3, padding="same", name="filter"), layers.LSTM(6), layers.Dense(2)]
    return keras.Sequential([keras.Input((None, 3)), layers.Masking(), *parts])


def _averaged(_model: Any) -> Any:
    words = keras.Input((12,), dtype="int32")
    embedded = layers.Embedding(50, 6, mask_zero=True)(words)
    return keras.Model(words, layers.Dense(1)(Averaging(name="pool")(embedded)))


def _words_filtered(*, handed_on: bool) -> Any:
    """A convolution of words before a recurrent layer, which gets the mask or does not."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = layers.Embedding(50, 8, mask_zero=True, name="words")
    x, mask = embedding(ids), None
    if handed_on:
        mask = embedding.compute_mask(ids)
        x = ops.where(mask[..., None], x, 0.0)
    x = layers.Conv1D(6, 3, padding="same", name="filter")(x)
    return keras.Model(ids, layers.Dense(1)(layers.LSTM(5)(x, mask=mask)))


WORDS_FILTERED = Case(
    name="mask of words lost in a convolution",
    family="masks",
    build=lambda: _words_filtered(handed_on=False),
    kit=_padded(words()),
    failing=("KC504",),
)


def _words_pooled(*, handed_on: bool) -> Any:
    """A convolution and a maximum over pairs of words before a GRU, which gets the shorter mask or none."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = layers.Embedding(50, 8, mask_zero=True, name="words")
    x, mask = embedding(ids), None
    if handed_on:
        mask = embedding.compute_mask(ids)
        x = ops.where(mask[..., None], x, 0.0)
        mask = mask[:, 1::2]
    x = layers.MaxPooling1D(2, name="pool")(layers.Conv1D(6, 3, padding="same", name="filter")(x))
    return keras.Model(ids, layers.Dense(1)(layers.GRU(5, name="reader")(x, mask=mask)))


WORDS_POOLED = Case(
    name="mask of words lost in a convolution, and pooled",
    family="masks",
    build=lambda: _words_pooled(handed_on=False),
    kit=_padded(words()),
    failing=("KC504",),
)


def _masked_first(value: float) -> Any:
    parts = [layers.Masking(mask_value=value), layers.LSTM(6), layers.Dense(2)]
    return lambda _model: keras.Sequential([keras.Input((None, 3)), *parts])


def _masked_words(_model: Any) -> Any:
    words = layers.Embedding(50, 6, mask_zero=True)
    return keras.Sequential([keras.Input((None,), dtype="int32"), words, layers.GRU(5), layers.Dense(1)])


def _padded_after_scaling(files: Files) -> Files:
    """The padding is 0 again, as before a scaler moved it."""
    x = array(files)
    return give_rows(files, np.where((x == np.float32(-1.25)).all(axis=-1, keepdims=True), 0, x))


def _padded_right(files: Files) -> Files:
    x = array(files)
    lengths = np.load(option(files, "--config").with_name("lengths.npy"))
    turned = np.zeros_like(x)
    for row, length in enumerate(lengths):
        turned[row, :length] = x[row, x.shape[1] - length :]
    return give_facts(give_rows(files, turned), padding={"value": 0.0, "side": "right"})


def _without_empty_rows(files: Files) -> Files:
    x, mask_value = array(files), 0.0
    return give_rows(files, x[(x != mask_value).any(axis=(1, 2))])


TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "mask-lost",
        "self.supports_masking = True, for a layer of single time steps",
        "mask lost in an operation",
        own_layer(_scaled_by_a_layer),
    ),
    corpus_trial(
        "mask-lost",
        "set the padding to 0 first, for a convolution",
        "mask lost in a convolution",
        own_layer(_filtered),
    ),
    Trial(
        slug="mask-lost",
        tries="set masked time steps to 0, and give the mask to the layers after a convolution",
        faulty=WORDS_FILTERED,
        fix=give_model(lambda _model: _words_filtered(handed_on=True)),
    ),
    corpus_trial(
        "mask-lost",
        "mask = self.embedding.compute_mask(ids), in the call() of a model",
        "words scaled in the code of a model",
        give_model(rebuild(lambda: read_by("passed"))),
    ),
    Trial(
        slug="mask-lost",
        tries="mask[:, 1::2] for a GRU after pooling",
        faulty=WORDS_POOLED,
        fix=give_model(lambda _model: _words_pooled(handed_on=True)),
    ),
    corpus_trial(
        "mask-lost",
        "GlobalAveragePooling1D with the mask in place of a mean",
        "mean of words",
        give_model(lambda _model: averaged(by_mask=True)),
    ),
    corpus_trial(
        "mask-lost",
        "set masked time steps to 0 before each convolution, and to -1e9 before the maximum",
        "two convolutions of words",
        give_model(lambda _model: filtered(by_mask=True)),
    ),
    corpus_trial(
        "mask-lost",
        "divide by the number of true time steps, for an average",
        "mask taken and not used",
        own_layer(_averaged),
    ),
    corpus_trial(
        "mask-lost",
        "set the padding to a very small number, for a maximum",
        "maximum after attention",
        give_model(rebuild(peaked_true_steps)),
    ),
    corpus_trial(
        "padding-moved",
        "make the mask from the input, and hand it to the layers that need it",
        "normalised before the mask",
        give_model(rebuild(handed_on)),
    ),
    corpus_trial(
        "positions-count-padding",
        "compute the positions from the mask",
        "positions that count padding",
        give_model(rebuild(lambda: placed(True))),
    ),
    corpus_trial(
        "mask-misplaced",
        "reverse the mask too, and give it to the layers after",
        "words backwards, the mask not",
        give_model(rebuild(lambda: backwards(mask_too=True))),
    ),
    corpus_trial(
        "mask-misplaced",
        "put True in front",
        "a token in front, the mask longer at the end",
        give_model(rebuild(lambda: headed(in_front=True))),
    ),
    corpus_trial(
        "positions-count-padding", "pad on the right", "positions that count padding", _padded_right
    ),
    corpus_trial(
        "padding-unmasked",
        "pad after scaling",
        "padded after scaling with another value",
        _padded_after_scaling,
    ),
    corpus_trial(
        "padding-unmasked",
        "mask the value that you pad with",
        "padded after scaling with another value",
        give_model(_masked_first(-1.25)),
    ),
    corpus_trial(
        "padding-unmasked",
        "layers.Masking(mask_value=0.0) first",
        "padded without a mask",
        give_model(_masked_first(0.0)),
    ),
    corpus_trial(
        "padding-unmasked",
        "Embedding(..., mask_zero=True)",
        "padded as declared, nothing masked",
        give_model(_masked_words),
    ),
    corpus_trial(
        "fully-masked-row",
        "drop rows without a time step",
        "rows of nothing but padding",
        _without_empty_rows,
    ),
)
