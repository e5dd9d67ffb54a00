"""Ids that a one-hot encoding has no entry for, and healthy models that have one, or mean zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, Rows
from tests.corpus.reports_one_hot_layers import OWN, Capacity, EncodesDay, EncodesMonth

__all__ = ["CASES", "by_layer", "encoded"]

FAMILY = "reports: one-hot ids"
QUIET = ("KC501",)


def ids(lowest: int, highest: int, columns: int = 1, rows: int = 120) -> Maker:
    """Whole numbers between these two, each of them at least once."""

    def make(random: np.random.Generator) -> Rows:
        numbers = random.integers(lowest, highest + 1, (rows, columns)).astype("int32")
        numbers[: highest - lowest + 1, 0] = np.arange(lowest, highest + 1)
        return numbers

    return make


def users_and_genres(random: np.random.Generator) -> Rows:
    """A user below 50, and three genres of 1 to 18."""
    genres = random.integers(1, 19, (120, 3))
    genres[:18, 0] = np.arange(1, 19)
    return {"user": random.integers(0, 50, (120, 1)).astype("int32"), "genres": genres.astype("int32")}


def sets(random: np.random.Generator) -> Rows:
    """Sets of 18 as floats of 0 and 1."""
    return (random.random((120, 18)) < 0.2).astype("float32")


def encoded(encode: Callable[[Any], Any], columns: int = 1) -> Callable[[], Any]:
    """A model of ids that are encoded in this way."""

    def build() -> Any:
        entry = keras.Input((columns,), dtype="int32", name="month")
        return keras.Model(entry, _head(encode(entry)))

    return build


def by_layer(entries: int, mode: str = "one_hot") -> Callable[[Any], Any]:
    """Encode with the layer of Keras."""
    return lambda x: layers.CategoryEncoding(entries, output_mode=mode, name="hot")(x)


def rated(entries: int) -> Callable[[], Any]:
    """A model of users with their own vectors, and of genres in a set."""

    def build() -> Any:
        user = keras.Input((1,), dtype="int32", name="user")
        genres = keras.Input((3,), dtype="int32", name="genres")
        own = layers.Flatten()(layers.Embedding(50, 6)(user))
        return keras.Model(
            [user, genres], _head(layers.Concatenate()([own, by_layer(entries, "multi_hot")(genres)]))
        )

    return build


def masked(x: Any) -> Any:
    """Encode days, and leave out those that are -1."""
    known = ops.cast(ops.expand_dims(ops.not_equal(x, -1), -1), "float32")
    return ops.one_hot(x, 7) * known


def _head(x: Any) -> Any:
    hidden = layers.Dense(8, "tanh")(layers.Flatten()(ops.cast(x, "float32")))
    return layers.Dense(1)(hidden)


def _fault(name: str, build: Callable[[], Any], data: Maker, layer: str, *args: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        causes=("wrong-ids",),
        failing=("KC501",),
        layer=layer,
        args=args,
    )


def _clean(name: str, build: Callable[[], Any], data: Maker, *args: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, quiet=QUIET, args=args)


FAULTY = (
    _fault("months from one in a layer", encoded(by_layer(12)), ids(1, 12), "hot"),
    _fault("genres from one in a set", rated(18), users_and_genres, "hot"),
    _fault("months from one in an operation", encoded(lambda x: ops.one_hot(x, 12)), ids(1, 12), "one_hot"),
    _fault(
        "new categories in an operation", encoded(lambda x: ops.one_hot(x, 9), 3), ids(0, 14, 3), "one_hot"
    ),
    _fault("days from one in a custom layer", encoded(EncodesDay(name="day"), 2), ids(1, 7, 2), "day", *OWN),
    Case(
        name="decades of an age beyond the encoding",
        family=FAMILY,
        build=encoded(lambda x: ops.one_hot(x // 10, 5)),
        data=ids(0, 79, rows=320),
        causes=("wrong-ids",),
        warning=("KC501",),
        layer="one_hot",
    ),
    Case(
        name="a day of the year by its month, in a custom layer",
        family=FAMILY,
        build=encoded(EncodesMonth(name="months"), 2),
        data=ids(0, 39, 2, rows=320),
        causes=("wrong-ids",),
        warning=("KC501",),
        layer="months",
        args=OWN,
    ),
    Case(
        name="one category more than entries",
        family=FAMILY,
        build=encoded(by_layer(9)),
        data=ids(0, 9),
        causes=("wrong-ids",),
        warning=("KC501",),
        layer="hot",
    ),
)

HEALTHY = (
    _clean("months from one with an entry more", encoded(by_layer(13)), ids(1, 12)),
    _clean("genres from one in a larger set", rated(19), users_and_genres),
    _clean("months that the model counts from zero", encoded(lambda x: ops.one_hot(x - 1, 12)), ids(1, 12)),
    _clean("days counted", encoded(by_layer(7, "count"), 5), ids(0, 6, 5)),
    _clean("days that are padded and masked", encoded(masked, 5), ids(-1, 6, 5)),
    _clean("decades of an age", encoded(lambda x: ops.one_hot(x // 10, 8)), ids(0, 79, rows=320)),
    _clean(
        "decades of an age beside the age",
        encoded(lambda x: ops.concatenate([ops.one_hot(x // 10, 5), ops.one_hot(x, 80)], axis=-1)),
        ids(0, 79, rows=320),
    ),
    _clean("positions beyond a capacity", encoded(Capacity(name="place"), 6), ids(0, 3, 6), *OWN),
    _clean(
        "the greatest of several numbers encoded",
        encoded(lambda x: ops.one_hot(ops.argmax(x, axis=-1), 6), 6),
        ids(0, 30, 6),
    ),
    _clean(
        "sets as floats",
        lambda: keras.Sequential([keras.Input((18,)), layers.Dense(8, "tanh"), layers.Dense(1)]),
        sets,
    ),
)

CASES: tuple[Case, ...] = (*FAULTY, *HEALTHY)
