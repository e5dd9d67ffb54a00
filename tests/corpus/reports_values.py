"""Served rows whose values were inverted, rounded, clipped or made grey on the way, without a scaler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Writer
from tests.corpus.reports_served import served_kit

__all__ = ["CASES"]

Array = np.ndarray
Change = Callable[[Array], Array]
GREY = np.array([0.299, 0.587, 0.114])


def seeing(channels: int) -> Any:
    """A model of small images."""
    images = keras.Input((12, 12, channels))
    found = layers.Conv2D(6, 3, activation="relu")(images)
    return keras.Model(images, layers.Dense(4, activation="softmax")(layers.Flatten()(found)))


def table() -> Any:
    """A model of five columns."""
    rows = keras.Input((5,))
    return keras.Model(rows, layers.Dense(1)(layers.Dense(8, activation="tanh")(rows)))


def strokes(random: np.random.Generator) -> Array:
    """Light strokes on a dark ground, from 0 to 1."""
    drawn = random.random((60, 12, 12, 1)) * (random.random((60, 12, 12, 1)) < 0.3)
    return (np.rint(drawn * 255) / 255).astype("float32")


def photos(random: np.random.Generator) -> Array:
    """Colours from -1 to 1."""
    patches = random.uniform(0, 255, (50, 4, 4, 3)).repeat(3, 1).repeat(3, 2)
    return (patches.round() / 127.5 - 1).astype("float32")


def amounts(random: np.random.Generator) -> Array:
    """Balances and rates."""
    return (random.normal(size=(90, 5)) * [1, 4, 9, 2, 0.5] + [0, 3, -2, 1, 7]).astype("float32")


def fed(make: Callable[[np.random.Generator], Array], change: Change) -> Writer:
    """Rows, and as serving feeds them."""

    def pairs(random: np.random.Generator) -> tuple[Array, Array]:
        rows = make(random)
        return rows, change(rows).astype("float32")

    return served_kit(pairs)


def as_bytes(rows: Array) -> Array:
    """Sent as whole bytes, and read again."""
    return (np.rint((rows + 1) * 127.5).astype("uint8") / np.float32(127.5) - 1).astype("float32")


def wrong_sign(rows: Array) -> Array:
    """One column with the opposite sign."""
    return rows * np.array([1, 1, -1, 1, 1])


def caffe(rows: Array) -> Array:
    """The preparation of models that were trained in Caffe: blue first, and means subtracted."""
    return ((rows + 1) * 127.5)[..., ::-1] - np.array([103.939, 116.779, 123.68])


def _case(name: str, build: Any, kit: Writer, *causes: str) -> Case:
    if causes:
        return Case(name=name, family="values", build=build, kit=kit, failing=("KC301",), causes=causes)
    return Case(name=name, family="clean-values", build=build, kit=kit, quiet=("KC301", "KC305"))


_drawing, _photo = partial(seeing, 1), partial(seeing, 3)

CASES: tuple[Case, ...] = (
    _case("drawings dark on light", _drawing, fed(strokes, lambda rows: 1 - rows), "values-inverted"),
    _case("debit for credit", table, fed(amounts, wrong_sign), "values-inverted"),
    _case("photos as negatives", _photo, fed(photos, np.negative), "values-inverted"),
    _case(
        "sent with two decimals", table, fed(amounts, lambda rows: rows.round(2)), "scaled-in-low-precision"
    ),
    _case(
        "photos in steps of a signed byte",
        _photo,
        fed(photos, lambda rows: np.rint(rows * 100) / 100),
        "scaled-in-low-precision",
    ),
    _case("losses cut off", table, fed(amounts, lambda rows: np.maximum(rows, 0)), "function-misapplied"),
    _case(
        "photos without colours",
        _photo,
        fed(photos, lambda rows: (rows @ GREY)[..., None].repeat(3, -1)),
        "function-misapplied",
    ),
    _case("photos prepared for Caffe", _photo, fed(photos, caffe), "feature-order", "scaler-foreign"),
    _case("drawings as they are", _drawing, fed(strokes, np.copy)),
    _case("photos sent as bytes", _photo, fed(photos, as_bytes)),
    _case("amounts as they are", table, fed(amounts, np.copy)),
)
