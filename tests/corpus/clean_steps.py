"""Clean models that look like faults of sequences: right shapes in unusual clothes, right masks, right use of state."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, steps
from tests.corpus.faults_sequences import HEAD, LSTM, codes, pair, siamese, stack, walks, with_files

__all__ = ["CASES"]

FAMILY = "clean-steps"


def ids() -> Any:
    """An embedding over integer ids."""
    return keras.Sequential([keras.Input((7,)), layers.Embedding(20, 4), layers.GRU(5), layers.Dense(1)])


SHAPES = (
    Case(name="square of walks", family=FAMILY, build=stack(LSTM, HEAD, shape=(8, 8)), data=walks(8, 8), quiet=("KC501",)),
    Case(name="square of noise", family=FAMILY, build=stack(LSTM, HEAD, shape=(8, 8)), data=steps(8, 8), quiet=("KC501",)),
    Case(
        name="square like its reference",
        family=FAMILY,
        build=stack(LSTM, HEAD, shape=(8, 8)),
        kit=with_files(walks(8, 8), reference=walks(8, 8, rows=90)),
        quiet=("KC501",),
    ),
    Case(name="pair like its reference", family=FAMILY, build=siamese, kit=with_files(pair(-2.0, 2.0), reference=pair(-2.0, 2.0)), quiet=("KC501",)),
    Case(name="whole ids as floats", family=FAMILY, build=ids, data=codes(0.0), quiet=("KC501",)),
    Case(name="one feature", family=FAMILY, build=stack(LSTM, HEAD, shape=(None, 1)), data=steps(15, 1), quiet=("KC501",)),
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
        name="pieces of one series, carried over by a stack",
        family=FAMILY,
        build=stack(layers.GRU(4, return_sequences=True, stateful=True), layers.SimpleRNN(4, stateful=True), HEAD, shape=(8, 3), batch=1),
        kit=with_files(steps(8, 3), facts=CONSECUTIVE),
        quiet=("KC502",),
    ),
)

CASES: tuple[Case, ...] = (*SHAPES, *STATES)
