"""Large ids in tables: whole numbers that reach an input of integers, and those that are floats before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
from keras import layers, ops

from tests.corpus.cases import Case, Writer

__all__ = ["CASES"]

FAMILY = "reports: ids in tables"
QUIET = ("KC201", "KC501")
ROWS = 120


def _hash(ids: Any) -> Any:
    bins = layers.Hashing(64, name="bins")(ids)
    normal = keras.initializers.RandomNormal(stddev=0.5)
    return layers.Flatten()(layers.Embedding(64, 6, embeddings_initializer=normal, name="table")(bins))


def priced(dtype: str, *, with_texts: bool = False) -> Callable[[], Any]:
    """A model of users, who are hashed, of prices, and of countries in texts."""

    def build() -> Any:
        user, price = keras.Input((1,), dtype=dtype, name="user"), keras.Input((1,), name="price")
        inputs, parts = [user, price], [_hash(ops.cast(user, "int64")), price / 50.0]
        if with_texts:
            inputs.append(keras.Input((1,), dtype="string", name="country"))
            lookup = layers.StringLookup(vocabulary=["de", "fr", "it"], output_mode="one_hot")
            parts.append(ops.cast(lookup(inputs[-1]), "float32"))
        hidden = layers.Dense(8, "tanh")(layers.Concatenate()(parts))
        return keras.Model(inputs, layers.Dense(1)(hidden))

    return build


def listed(dtype: str) -> Callable[[], Any]:
    """A model of two columns of ids in one input."""

    def build() -> Any:
        ids = keras.Input((2,), dtype=dtype, name="ids")
        return keras.Model(ids, layers.Dense(1)(layers.Dense(8, "tanh")(_hash(ops.cast(ids, "int64")))))

    return build


def mixed(
    policy: str, between: Callable[[], Any], dtype: str = "float32", words: int = 4000
) -> Callable[[], Any]:
    """A model in low precision with a layer between the ids, an axis of one, and their table."""

    def build() -> Any:
        ids = keras.Input((8, 1), dtype=dtype, name="ids")
        normal = keras.initializers.RandomNormal(stddev=0.5)
        table = layers.Embedding(words, 6, embeddings_initializer=normal, dtype=policy, name="bins")
        hidden = layers.GlobalAveragePooling1D(dtype=policy)(table(between()(ids)))
        return keras.Model(ids, layers.Dense(2, dtype="float32")(hidden))

    return build


def reshaped(policy: str) -> Callable[[], Any]:
    """Return a builder of a layer that drops the last axis."""
    return lambda: layers.Reshape((8,), dtype=policy)


def dropped(policy: str) -> Callable[[], Any]:
    """Return a builder of layers that reorder axes, drop random numbers in training, and flatten."""
    own = {"dtype": policy}
    steps = [layers.Permute((2, 1), **own), layers.SpatialDropout1D(0.1, **own), layers.Flatten(**own)]
    return lambda: keras.Sequential(steps)


def numbered(words: int) -> Writer:
    """Return a kit of ids below this number, as floats."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        np.save(folder / "x.npy", random.integers(0, words, (80, 8, 1)).astype("float32"))
        return ("--data", str(folder / "x.npy"))

    return write


def table(ending: str, *columns: str, dtype: str = "int64") -> Writer:
    """Return a kit of a table with these columns; ids have this dtype."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        values = {
            "user": random.integers(10**9, 4 * 10**9, ROWS).astype(dtype),
            "item": random.integers(10**8, 9 * 10**8, ROWS).astype(dtype),
            "price": np.round(random.gamma(2.0, 30.0, ROWS), 2),
            "country": random.choice(["de", "fr", "it"], ROWS),
        }
        frame = pandas.DataFrame({name: values[name] for name in columns})
        path = folder / f"rows.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
        return ("--data", str(path))

    return write


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, quiet=QUIET)


def _fault(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=kit,
        causes=("ids-rounded",),
        failing=("KC501",),
        layer="bins",
    )


HEALTHY = (
    _clean("ids and prices in a text file", priced("int64"), table("csv", "user", "price")),
    _clean("ids and prices in a binary table", priced("int64"), table("parquet", "user", "price")),
    _clean(
        "ids, prices and countries in a text file",
        priced("int64", with_texts=True),
        table("csv", "user", "price", "country"),
    ),
    _clean("two columns of ids for one input", listed("int64"), table("csv", "user", "item")),
)

BRAIN, HALF = "mixed_bfloat16", "mixed_float16"

HEALTHY_IN_LOW_PRECISION = (
    _clean("whole ids under bfloat16", mixed(BRAIN, reshaped(BRAIN), "int32"), numbered(4000)),
    _clean("few ids under bfloat16", mixed(BRAIN, reshaped(BRAIN), words=250), numbered(250)),
    _clean("ids below 2048 under float16", mixed(HALF, reshaped(HALF), words=2000), numbered(2000)),
)

FAULTY = (
    _fault("ids reshaped under bfloat16", mixed(BRAIN, reshaped(BRAIN)), numbered(4000)),
    _fault("ids flattened under bfloat16", mixed(BRAIN, dropped(BRAIN), words=900), numbered(900)),
    _fault("ids reshaped under float16", mixed(HALF, reshaped(HALF)), numbered(4000)),
    _fault("ids of a text file as floats", priced("float32"), table("csv", "user", "price")),
    _fault("two columns of ids as floats", listed("float32"), table("csv", "user", "item")),
    _fault(
        "ids that the text file has as floats",
        priced("int64"),
        table("csv", "user", "price", dtype="float64"),
    ),
    _fault(
        "ids that the binary table has as floats",
        listed("int64"),
        table("parquet", "user", "item", dtype="float64"),
    ),
)

CASES: tuple[Case, ...] = (*FAULTY, *HEALTHY, *HEALTHY_IN_LOW_PRECISION)
