"""Served rows of exchanged inputs, and one-hot columns without absent categories; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
from keras import layers
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.reports_served import CLEAN, FAMILY, QUIET, Pairs, served_kit

__all__ = ["CASES"]

Array = np.ndarray
Named = dict[str, Array]


def _fault(name: str, build: Callable[[], Any], kit: Writer, *causes: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=causes)


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=QUIET)


# Inputs


def towers(*names: str) -> Callable[[], Any]:
    """A dense layer for each input of five features."""

    def build() -> Any:
        inputs = [keras.Input((5,), name=name) for name in names]
        hidden = [layers.Dense(7, activation="tanh")(each) for each in inputs]
        return keras.Model(inputs, layers.Dense(1, name="fit")(layers.Concatenate()(hidden)))

    return build


def ids_and_amounts() -> Any:
    """A table for four ids, and four amounts."""
    ids, amounts = keras.Input((4,), dtype="int32", name="ids"), keras.Input((4,), name="amounts")
    found = layers.Flatten()(layers.Embedding(60, 3)(ids))
    return keras.Model([ids, amounts], layers.Dense(2)(layers.Concatenate()([found, amounts])))


def _levels(random: np.random.Generator, *names: str) -> Named:
    return {name: random.normal(size=(70, 5)).astype("float32") for name in names}


def moved(order: dict[str, str]) -> Pairs:
    """Rows of which serving feeds an input those of another one."""

    def make(random: np.random.Generator) -> tuple[Named, Named]:
        rows = _levels(random, *order)
        return rows, {name: rows[other] for name, other in order.items()}

    return make


def ids_for_amounts(random: np.random.Generator) -> tuple[Named, Named]:
    """Ids and amounts of pieces, each in the place of the other."""
    ids = random.integers(0, 60, (70, 4)).astype("int32")
    amounts = random.gamma(3, 6, (70, 4)).clip(0, 59).round().astype("float32")
    return {"ids": ids, "amounts": amounts}, {"ids": amounts, "amounts": ids}


def partly_equal(serve: Callable[[Named], Named]) -> Pairs:
    """Two inputs that have the same rows in one half of the data."""

    def make(random: np.random.Generator) -> tuple[Named, Named]:
        rows = _levels(random, "left", "right")
        rows["right"][:35] = rows["left"][:35]
        return rows, serve(rows)

    return make


def scaled_left(serve: Callable[[Any, Named], Named]) -> Writer:
    """Two inputs, of which the saved scaler belongs to the left one."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = {name: random.normal(9.0, 4.0, (70, 5)) for name in ("left", "right")}
        scaler = StandardScaler().fit(random.normal(9.0, 4.0, (300, 5)))
        return lay_out(
            folder,
            data=rows,
            scaler=pickle.dumps(scaler),
            served=serve(scaler, rows),
            facts={"scaler_input": "left"},
        )

    return write


def exchanged_first(scaler: Any, rows: Named) -> Named:
    """Exchange the inputs, then scale what is in the place of the left one."""
    return {"left": scaler.transform(rows["right"]), "right": rows["left"]}


def exchanged_afterwards(scaler: Any, rows: Named) -> Named:
    """Scale the left one, then exchange the inputs."""
    return {"left": rows["right"], "right": scaler.transform(rows["left"])}


def scaled_in_place(scaler: Any, rows: Named) -> Named:
    """Scale the left one."""
    return {"left": scaler.transform(rows["left"]), "right": rows["right"]}


def late_left(rows: Named) -> Named:
    """The left input with the row before."""
    return {**rows, "left": np.roll(rows["left"], 1, axis=0)}


TWO, THREE = towers("left", "right"), towers("first", "second", "third")
EXCHANGED = {"left": "right", "right": "left"}
INPUTS: tuple[Case, ...] = (
    _fault("two inputs served in each other's place", TWO, served_kit(moved(EXCHANGED)), "input-order"),
    _fault(
        "three inputs served in a circle",
        THREE,
        served_kit(moved({"first": "second", "second": "third", "third": "first"})),
        "input-order",
    ),
    _fault(
        "one input served to two",
        TWO,
        served_kit(moved({"left": "right", "right": "right"})),
        "input-order",
    ),
    _fault(
        "ids and amounts in each other's place", ids_and_amounts, served_kit(ids_for_amounts), "input-order"
    ),
    _fault("inputs exchanged before one is scaled", TWO, scaled_left(exchanged_first), "input-order"),
    _fault("inputs exchanged after one is scaled", TWO, scaled_left(exchanged_afterwards), "input-order"),
    _fault("a late input beside an equal one", TWO, served_kit(partly_equal(late_left)), "row-order"),
    _clean("two inputs with rows in common", TWO, served_kit(partly_equal(dict))),
    _clean("one of two inputs scaled", TWO, scaled_left(scaled_in_place)),
)

# Categories

Serve = Callable[[Any, pandas.DataFrame], Array]


def table(features: int) -> Any:
    """Dense layers."""
    inputs = keras.Input((features,), name="x")
    return keras.Model(inputs, layers.Dense(2)(layers.Dense(9, activation="tanh")(inputs)))


def parcels(random: np.random.Generator, rows: int, ways: list[str], zones: list[str]) -> pandas.DataFrame:
    """A way, a zone and a weight."""
    return pandas.DataFrame(
        {
            "way": random.choice(ways, rows),
            "zone": random.choice(zones, rows),
            "weight": random.gamma(3, 4, rows).round(2),
        }
    )


WAYS, ZONES = ["air", "rail", "road", "sea"], ["inner", "near", "outer"]


def encoded(serve: Serve, ways: list[str], zones: list[str] = ZONES) -> Writer:
    """Rows with these categories, an encoder that knows all of them, and the weight scaled behind."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        encoder = ColumnTransformer(
            [
                ("words", OneHotEncoder(sparse_output=False), ["way", "zone"]),
                ("weight", StandardScaler(), ["weight"]),
            ]
        ).fit(parcels(random, 300, WAYS, ZONES))
        rows = parcels(random, 90, ways, zones)
        served = serve(encoder, rows).astype("float32")
        return lay_out(folder, data=rows.to_csv(index=False), scaler=pickle.dumps(encoder), served=served)

    return write


def saved(encoder: Any, rows: pandas.DataFrame) -> Array:
    """Transform with what was saved."""
    return np.asarray(encoder.transform(rows))


def dummies(encoder: Any, rows: pandas.DataFrame) -> Array:
    """Encode the categories of these rows, scale the weight rightly behind them, and fill up with zeros."""
    found = pandas.get_dummies(rows[["way", "zone"]]).to_numpy("float64")
    known = np.column_stack([found, saved(encoder, rows)[:, -1]])
    return np.pad(known, [(0, 0), (0, 8 - known.shape[1])])


def dummies_by_column(encoder: Any, rows: pandas.DataFrame) -> Array:
    """Encode the categories of these rows, and fill up each group of columns with zeros."""
    groups = []
    for name, width in (("way", 4), ("zone", 3)):
        found = pandas.get_dummies(rows[name]).to_numpy("float64")
        groups.append(np.pad(found, [(0, 0), (0, width - found.shape[1])]))
    return np.column_stack([*groups, saved(encoder, rows)[:, -1]])


def exchanged_columns(encoder: Any, rows: pandas.DataFrame) -> Array:
    """Exchange two columns of the saved encoder."""
    return saved(encoder, rows)[:, [0, 1, 3, 2, 4, 5, 6, 7]]


_eight = partial(table, 8)
CATEGORIES: tuple[Case, ...] = (
    _fault("dummies without the first category", _eight, encoded(dummies, WAYS[1:]), "codes-refit"),
    _fault(
        "dummies without two categories", _eight, encoded(dummies, ["air", "road"], ZONES[1:]), "codes-refit"
    ),
    _fault(
        "dummies filled up in each group",
        _eight,
        encoded(dummies_by_column, WAYS[1:], ["inner", "outer"]),
        "codes-refit",
    ),
    _fault(
        "one-hot columns exchanged beside an absent category",
        _eight,
        encoded(exchanged_columns, WAYS[1:]),
        "feature-order",
    ),
    _clean("the saved encoder without the first category", _eight, encoded(saved, WAYS[1:])),
    _clean("dummies with all categories", _eight, encoded(dummies, WAYS)),
)

CASES: tuple[Case, ...] = (*INPUTS, *CATEGORIES)
