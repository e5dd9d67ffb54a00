"""Served rows whose features were not set, counted, cut or ordered as in training; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.reports_served import (
    CLEAN,
    FAMILY,
    QUIET,
    Pairs,
    normal,
    reader,
    served_kit,
    small_cnn,
    table_model,
)

__all__ = ["CASES", "CITIES"]

Array = np.ndarray
CITIES = ["graz", "linz", "wels", "wien"]


def _pair(
    name: str, build: Callable[[], Any], twin: str, kits: tuple[Writer, Writer], cause: str
) -> Iterator[Case]:
    """A faulty case and its healthy twin."""
    there, here = kits
    yield Case(name=name, family=FAMILY, build=build, kit=there, failing=("KC301",), causes=(cause,))
    yield Case(name=twin, family=CLEAN, build=build, kit=here, quiet=QUIET)


def town_model() -> Any:
    """Two numbers and the columns of four towns."""
    inputs = keras.Input((6,), name="rows")
    return keras.Model(inputs, layers.Dense(1, name="rent")(layers.Dense(9, activation="relu")(inputs)))


def _in_order_of_training(encoded: pandas.DataFrame) -> Array:
    columns = ["area", "age", *(f"town_{name}" for name in CITIES)]
    return encoded.reindex(columns=columns, fill_value=0).to_numpy("float32")


def towns(*, one_by_one: bool) -> Pairs:
    """Rows with the columns of get_dummies, which serving makes of each request."""

    def make(random: np.random.Generator) -> tuple[Array, Array]:
        numbers = random.normal(size=(80, 2))
        frame = pandas.DataFrame(numbers, columns=["area", "age"]).assign(town=random.choice(CITIES, 80))
        rows = _in_order_of_training(pandas.get_dummies(frame))
        if not one_by_one:
            return rows, rows.copy()
        single = [pandas.get_dummies(frame.iloc[[at]], drop_first=True) for at in range(len(frame))]
        return rows, np.concatenate([_in_order_of_training(each) for each in single])

    return make


def texts(serve: Callable[[Array], Array]) -> Pairs:
    """Ids of words, padded with 0, of which 1 to 3 are reserved."""

    def make(random: np.random.Generator) -> tuple[Array, Array]:
        is_word = np.arange(12) < random.integers(4, 13, (60, 1))
        rows = np.where(is_word, random.integers(4, 77, (60, 12)), 0).astype("int32")
        return rows, serve(rows).astype("int32")

    return make


def without_reserved_ids(ids: Array) -> Array:
    """Return ids that count from the first word; what is beyond the vocabulary is unknown."""
    return np.where(ids == 0, 0, np.where(ids > 70, 2, ids - 3))


def pictures(serve: Callable[[Array], Array]) -> Pairs:
    """Pixels around 0, made of bytes."""

    def make(random: np.random.Generator) -> tuple[Array, Array]:
        pixels = random.integers(0, 256, (40, 8, 8, 3), "uint8")
        return pixels.astype("float32") - 128, serve(pixels)

    return make


def stamps(dtype: str) -> Writer:
    """Milliseconds since 1970 and a level, through a saved scaler."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        numbers = random.normal(size=(80, 3))
        data = np.column_stack([1.7e12 + random.uniform(0, 3e10, 80), random.normal(20.0, 6.0, 80), numbers])
        scaler = StandardScaler().fit(data)
        served = data.copy()
        served[:, 0] = data[:, 0].astype("int64").astype(dtype)
        return lay_out(folder, data=data, scaler=pickle.dumps(scaler), served=scaler.transform(served))

    return write


def logarithms(function: Callable[[Array], Array]) -> Pairs:
    """Logarithms of incomes and prices."""

    def make(random: np.random.Generator) -> tuple[Array, Array]:
        amounts = random.lognormal([2, 5, 8, 4, 3], [1.0, 0.8, 0.5, 0.7, 0.4], (80, 5))
        return np.log(amounts), function(amounts)

    return make


def _first_of_batch(rows: Array) -> Array:
    return rows[np.arange(len(rows)) // 10 * 10]


def _with_late_lag(rows: Array) -> Array:
    late = rows.copy()
    late[1:, 3] = rows[:-1, 3]
    return late


CASES: tuple[Case, ...] = (
    *_pair(
        "get_dummies of one request",
        town_model,
        "get_dummies with all towns",
        (served_kit(towns(one_by_one=True)), served_kit(towns(one_by_one=False))),
        "features-not-filled",
    ),
    *_pair(
        "ids without the reserved ones",
        reader,
        "ids with the reserved ones",
        (served_kit(texts(without_reserved_ids)), served_kit(texts(np.copy))),
        "codes-refit",
    ),
    *_pair(
        "channels first, reshaped",
        small_cnn,
        "channels first, transposed back",
        (
            served_kit(normal((40, 8, 8, 3), lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape))),
            served_kit(normal((40, 8, 8, 3), lambda x: x.transpose(0, 3, 1, 2).transpose(0, 2, 3, 1))),
        ),
        "feature-order",
    ),
    *_pair(
        "128 subtracted from bytes",
        small_cnn,
        "128 subtracted from floats",
        (
            served_kit(pictures(lambda pixels: (pixels - np.uint8(128)).astype("float32"))),
            served_kit(pictures(lambda pixels: pixels.astype("float32") - 128)),
        ),
        "scaled-in-low-precision",
    ),
    *_pair(
        "milliseconds in int32",
        table_model,
        "milliseconds in int64",
        (stamps("int32"), stamps("int64")),
        "scaled-in-low-precision",
    ),
    *_pair(
        "decimal logarithms",
        table_model,
        "natural logarithms",
        (served_kit(logarithms(np.log10)), served_kit(logarithms(np.log))),
        "function-misapplied",
    ),
    *_pair(
        "the first row of each request",
        table_model,
        "each row of a request",
        (served_kit(normal((70, 5), _first_of_batch)), served_kit(normal((70, 5), np.copy))),
        "row-order",
    ),
    *_pair(
        "a lag of the row before",
        table_model,
        "a lag of its own row",
        (served_kit(normal((70, 5), _with_late_lag)), served_kit(normal((70, 5), np.copy))),
        "row-order",
    ),
)
