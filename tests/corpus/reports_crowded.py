"""Models that mix rows in batches of many rows only, models that compare all rows of a batch; and twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, Rows, flat
from tests.corpus.reports_crowded_layers import (
    CentredCrowd,
    Distances,
    Experts,
    Loudest,
    Scores,
    SizeAbove,
)

__all__ = ["CASES"]

FAMILY = "reports-crowded"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_crowded_layers.py")))
NAME = "crowded"
TABLE = flat(7, rows=90)
QUIET = ("KC101", "KC102", "KC103", "KC104")


def table(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a builder of a classifier with this layer in the middle."""

    def build() -> Any:
        first = layers.Dense(10, activation="tanh")
        return keras.Sequential([keras.Input((7,)), first, make(), layers.Dense(3, activation="softmax")])

    return build


def towers(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a builder of two towers, whose outputs this layer combines."""

    def build() -> Any:
        asked, answer = keras.Input((6,), name="asked"), keras.Input((9,), name="answer")
        left = layers.UnitNormalization()(layers.Dense(8, name="left")(asked))
        right = layers.UnitNormalization()(layers.Dense(8, name="right")(answer))
        return keras.Model([asked, answer], make()([left, right]))

    return build


def pairs(random: np.random.Generator) -> Rows:
    """Questions and answers."""
    return {name: random.normal(size=(60, width)).astype("float32") for name, width in PAIR.items()}


PAIR = {"asked": 6, "answer": 9}


def distances() -> Any:
    """The distances of embedded rows from each other."""
    return keras.Sequential([keras.Input((7,)), layers.Dense(5, activation="tanh"), Distances(name=NAME)])


def _case(name: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, args=OBJECTS, **expected)


def _mixing(name: str, build: Callable[[], Any], data: Maker = TABLE) -> Case:
    return _case(name, build, data, causes=("cross-sample-dependence",), layer=NAME, failing=("KC102",))


def _clean(name: str, build: Callable[[], Any], data: Maker = TABLE) -> Case:
    return _case(name, build, data, quiet=QUIET)


CASES: tuple[Case, ...] = (
    _mixing("experts with little room", table(lambda: Experts(34, name=NAME))),
    _mixing("centred in batches above fifty", table(lambda: CentredCrowd(50, name=NAME))),
    _mixing("the loudest forty rows of a batch", table(lambda: Loudest(40, name=NAME))),
    _clean("experts with room in training", table(lambda: Experts(34, training_only=True, name=NAME))),
    _clean("centred with a learned mean", table(lambda: CentredCrowd(50, learned=True, name=NAME))),
    _case(
        "doubled in batches above fifty",
        table(lambda: SizeAbove(50, name=NAME)),
        flat(7, rows=90),
        causes=("batch-size-dependence",),
        layer=NAME,
        failing=("KC102",),
    ),
    _mixing("every question with every answer", towers(lambda: Scores(name=NAME)), pairs),
    _mixing("every row with every row", distances),
    _clean("every question with its answer", towers(lambda: layers.Dot(1, name=NAME)), pairs),
)
