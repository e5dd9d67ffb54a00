"""Models that fill missing numbers themselves: from the row, or from its neighbours."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-gaps", "clean-reports-gaps"
OTHER_CALLS = ("KC201", "KC202", "KC204")
"""The checks that call the model in other ways, on the rows of one batch of predict."""


def _few_gaps(*shape: int) -> Any:
    """Rows of which three at the end have missing numbers."""

    def draw(random: np.random.Generator) -> np.ndarray:
        rows = random.normal(1.0, 1.0, (96, *shape)).astype("float32")
        rows[80].flat[2] = rows[85].flat[1] = rows[91].flat[0] = np.nan
        return rows

    return draw


def _many_gaps(*shape: int) -> Any:
    def draw(random: np.random.Generator) -> np.ndarray:
        rows = random.normal(0.0, 1.0, (80, *shape)).astype("float32")
        return np.where(random.random(rows.shape) < 0.1, np.float32(np.nan), rows)

    return draw


def _mean_of_batch() -> Any:
    """Each gap becomes the mean of the column over the batch."""
    rows = keras.Input((5,))
    known = ops.logical_not(ops.isnan(rows))
    total = ops.sum(ops.where(known, rows, 0.0), axis=0)
    mean = total / ops.maximum(ops.sum(ops.cast(known, "float32"), axis=0), 1.0)
    hidden = layers.Dense(8, activation="relu")(ops.where(known, rows, mean))
    return keras.Model(rows, layers.Dense(1, activation="sigmoid")(hidden))


def _largest_of_batch() -> Any:
    """Each gap of a series becomes the largest value of the batch."""
    series = keras.Input((6, 2))
    known = ops.logical_not(ops.isnan(series))
    largest = ops.max(ops.where(known, series, -9.0), axis=(0, 1))
    hidden = layers.LSTM(5)(ops.where(known, series, largest))
    return keras.Model(series, layers.Dense(3, activation="softmax")(hidden))


def _constants() -> Any:
    """Each gap becomes a number of training, and a decision follows."""
    rows = keras.Input((5,))
    filled = ops.where(ops.isnan(rows), np.array([0.2, -0.1, 0.4, 0.0, 1.0], "float32"), rows)
    return keras.Model(
        rows, layers.Dense(1, activation="sigmoid")(layers.Dense(9, activation="relu")(filled))
    )


def _mean_of_row() -> Any:
    """Each gap becomes the mean of its own row."""
    rows = keras.Input((7,))
    known = ops.logical_not(ops.isnan(rows))
    total = ops.sum(ops.where(known, rows, 0.0), axis=1, keepdims=True)
    mean = total / ops.maximum(ops.sum(ops.cast(known, "float32"), axis=1, keepdims=True), 1.0)
    hidden = layers.Dense(8, activation="tanh")(ops.where(known, rows, mean))
    return keras.Model(rows, layers.Dense(4, activation="softmax")(hidden))


def _mean_in_time() -> Any:
    """Each gap of a series becomes the mean of the series."""
    series = keras.Input((6, 2))
    known = ops.logical_not(ops.isnan(series))
    total = ops.sum(ops.where(known, series, 0.0), axis=1, keepdims=True)
    mean = total / ops.maximum(ops.sum(ops.cast(known, "float32"), axis=1, keepdims=True), 1.0)
    hidden = layers.GRU(6)(ops.where(known, series, mean))
    return keras.Model(series, layers.Dense(1, activation="sigmoid")(hidden))


def _fault(name: str, build: Any, data: Any) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        failing=("KC101", "KC102", "KC103", "KC104"),
        causes=("cross-sample-dependence",),
        quiet=OTHER_CALLS,
    )


def _clean(name: str, build: Any, data: Any) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=data, quiet=("KC604", "KC701"))


CASES: tuple[Case, ...] = (
    _fault("gaps filled with the mean of the batch", _mean_of_batch, _few_gaps(5)),
    _fault("gaps filled with the largest value of the batch", _largest_of_batch, _few_gaps(6, 2)),
    _clean("gaps filled with numbers of training", _constants, _many_gaps(5)),
    _clean("few gaps filled with numbers of training", _constants, _few_gaps(5)),
    _clean("gaps filled with the mean of the row", _mean_of_row, _many_gaps(7)),
    _clean("gaps filled with the mean of the series", _mean_in_time, _many_gaps(6, 2)),
)
