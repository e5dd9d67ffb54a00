"""Clean models that look like faults of sequences: unusual shapes, masks and states."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, steps
from tests.corpus.faults_sequences import (
    HEAD,
    LSTM,
    codes,
    filled,
    pair,
    pieces,
    siamese,
    stack,
    walks,
    with_files,
)

__all__ = ["CASES"]

FAMILY = "clean-steps"


def ids() -> Any:
    """An embedding over integer ids."""
    return keras.Sequential([keras.Input((7,)), layers.Embedding(20, 4), layers.GRU(5), layers.Dense(1)])


SHAPES = (
    Case(
        name="square of walks",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(8, 8)),
        data=walks(8, 8),
        quiet=("KC501",),
    ),
    Case(
        name="square of noise",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(8, 8)),
        data=steps(8, 8),
        quiet=("KC501",),
    ),
    Case(
        name="square like its reference",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(8, 8)),
        kit=with_files(walks(8, 8), reference=walks(8, 8, rows=90)),
        quiet=("KC501",),
    ),
    Case(
        name="pair like its reference",
        family=FAMILY,
        build=siamese,
        kit=with_files(pair(-2.0, 2.0), reference=pair(-2.0, 2.0)),
        quiet=("KC501",),
    ),
    Case(name="whole ids as floats", family=FAMILY, build=ids, data=codes(0.0), quiet=("KC501",)),
    Case(
        name="one feature",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(None, 1)),
        data=steps(15, 1),
        quiet=("KC501",),
    ),
)

CONSECUTIVE = {"stateful_rows": "consecutive"}
KEEPING = layers.LSTM(6, stateful=True, name="memory")

STATES = (
    Case(
        name="pieces of one series, carried over",
        family=FAMILY,
        build=stack(KEEPING, HEAD, shape=(8, 3), batch=1),
        kit=with_files(steps(8, 3), facts=CONSECUTIVE),
        quiet=("KC502",),
    ),
    Case(
        name="pieces of four series, carried over side by side",
        family=FAMILY,
        build=stack(KEEPING, HEAD, shape=(8, 3), batch=4),
        kit=with_files(pieces(4, 12), facts=CONSECUTIVE),
        quiet=("KC502",),
    ),
    Case(
        name="pieces of one series, carried over by a stack",
        family=FAMILY,
        build=stack(
            layers.GRU(4, return_sequences=True, stateful=True),
            layers.SimpleRNN(4, stateful=True),
            HEAD,
            shape=(8, 3),
            batch=1,
        ),
        kit=with_files(steps(8, 3), facts=CONSECUTIVE),
        quiet=("KC502",),
    ),
)


def attentive() -> Any:
    """Masked self-attention, normalised and averaged, in a model of one length."""
    series = keras.Input((9, 4))
    masked = layers.Masking()(series)
    attended = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(masked, masked))
    return keras.Model(series, layers.Dense(1)(layers.GlobalAveragePooling1D()(attended)))


def causal() -> Any:
    """Causal convolutions: padding on the right has no effect on earlier time steps."""
    parts = [
        layers.Conv1D(6, 3, padding="causal", dilation_rate=rate, activation="relu") for rate in (1, 2, 4)
    ]
    return keras.Sequential([keras.Input((None, 3)), *parts, layers.Dense(2)])


MASK = layers.Masking()

PADDING = (
    Case(
        name="masked LSTM",
        family=FAMILY,
        build=stack(MASK, LSTM, HEAD, shape=(None, 3)),
        data=filled(9, 3),
        quiet=("KC504",),
    ),
    Case(
        name="masked LSTM of one length",
        family=FAMILY,
        build=stack(MASK, LSTM, HEAD, shape=(9, 3)),
        data=filled(9, 3),
        quiet=("KC504",),
    ),
    Case(
        name="masked both ways",
        family=FAMILY,
        build=stack(MASK, layers.Bidirectional(layers.GRU(4)), HEAD, shape=(None, 3)),
        data=filled(9, 3),
        quiet=("KC504",),
    ),
    Case(name="masked attention", family=FAMILY, build=attentive, data=filled(9, 4), quiet=("KC504",)),
    Case(
        name="masked minus nine",
        family=FAMILY,
        build=stack(layers.Masking(-9.0), LSTM, HEAD, shape=(None, 3)),
        data=filled(9, 3, -9.0),
        quiet=("KC504",),
    ),
    Case(
        name="causal convolutions, padded", family=FAMILY, build=causal, data=filled(9, 3), quiet=("KC504",)
    ),
    Case(
        name="series without padding or mask",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(None, 3)),
        data=steps(9, 3),
        quiet=("KC504",),
    ),
)


def decoder() -> Any:
    """A Transformer's decoder block with its causal mask."""
    series = keras.Input((None, 4))
    attended = layers.MultiHeadAttention(2, 4)(series, series, use_causal_mask=True)
    return keras.Model(series, layers.Dense(4)(layers.LayerNormalization()(series + attended)))


ONE_STEP, PREFIX = {"step_by_step": "one-step"}, {"step_by_step": "growing-prefix"}
STREAM = layers.GRU(5, return_sequences=True, stateful=True, name="stream")

STEPWISE = (
    Case(
        name="prefixes for a decoder",
        family=FAMILY,
        build=decoder,
        kit=with_files(steps(12, 4), facts=PREFIX),
        quiet=("KC503",),
    ),
    Case(
        name="prefixes for causal convolutions",
        family=FAMILY,
        build=causal,
        kit=with_files(steps(16, 3), facts=PREFIX),
        quiet=("KC503",),
    ),
    Case(
        name="prefixes for a stack of GRUs",
        family=FAMILY,
        build=stack(
            layers.GRU(5, return_sequences=True), layers.GRU(4, return_sequences=True), HEAD, shape=(None, 3)
        ),
        kit=with_files(steps(12, 3), facts=PREFIX),
        quiet=("KC503",),
    ),
    Case(
        name="stream of steps with state",
        family=FAMILY,
        build=stack(STREAM, HEAD, shape=(None, 3), batch=1),
        kit=with_files(steps(12, 3, rows=20), facts={**ONE_STEP, "stateful_rows": "consecutive"}),
        quiet=("KC502", "KC503"),
    ),
    Case(
        name="both directions, whole sequences",
        family=FAMILY,
        build=stack(layers.Bidirectional(layers.GRU(4, return_sequences=True)), HEAD, shape=(None, 3)),
        data=steps(12, 3),
        quiet=("KC503",),
    ),
)

CASES: tuple[Case, ...] = (*SHAPES, *STATES, *PADDING, *STEPWISE)
