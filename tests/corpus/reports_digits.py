"""Rows whose last digits float32 does not hold, and healthy twins that do not depend on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case

__all__ = ["CASES", "START", "since_start"]

FAMILY = "reports-digits"
START = 1_700_000_000.0
QUIET = ("KC201", "KC604")

Rows = Callable[[np.random.Generator], np.ndarray]


def _dense(hidden: Any) -> Any:
    return layers.Dense(1, name="out")(layers.Dense(8, activation="tanh", name="hidden")(hidden))


def within_hour() -> Any:
    """The place in the hour, as sine and cosine, of a time in seconds."""
    seconds = keras.Input((1,), name="seconds")
    angle = ops.mod(seconds, 3600.0) * (2 * np.pi / 3600.0)
    return keras.Model(seconds, _dense(ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)))


def since_start(start: float) -> Callable[[], Any]:
    """Return a builder of a model of the hours since a start, of times in seconds."""

    def build() -> Any:
        seconds = keras.Input((2,), name="seconds")
        hours = layers.Rescaling(1 / 3600.0)(layers.Rescaling(1.0, offset=-start)(seconds))
        return keras.Model(seconds, _dense(hours))

    return build


def distances() -> Any:
    """The way between two points, of their coordinates in metres."""
    points = keras.Input((2, 2), name="points")
    return keras.Model(points, _dense(ops.subtract(points[:, 1], points[:, 0])))


def scaled(factor: float) -> Callable[[], Any]:
    """Return a builder of a model that makes its rows small first."""

    def build() -> Any:
        rows = keras.Input((3,), name="amounts")
        return keras.Model(rows, _dense(layers.Rescaling(factor)(rows)))

    return build


def times(start: float, columns: int, dtype: str = "float64") -> Rows:
    """Whole seconds within an hour after the start."""
    return lambda random: np.floor(start + random.uniform(0, 3600, (60, columns))).astype(dtype)


def points(random: np.random.Generator) -> np.ndarray:
    """Two points each, some metres from one another, far from the origin of their map."""
    first = random.uniform([5e5, 5.3e6], [6e5, 5.4e6], (60, 1, 2))
    return np.concatenate([first, first + random.normal(0, 2.0, (60, 1, 2))], axis=1)


def _lost(name: str, build: Callable[[], Any], data: Rows) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, causes=("dtype-cast",), warning=("KC201",))


def _clean(name: str, build: Callable[[], Any], data: Rows) -> Case:
    return Case(name=name, family=f"clean-{FAMILY}", build=build, data=data, quiet=QUIET)


def binned() -> Any:
    """Prices in bins, whose borders are prices that occur."""
    price = keras.Input((2,), name="price")
    bins = layers.Discretization([0.7, 1.1, 2.3, 3.3], output_mode="one_hot")
    return keras.Model(price, _dense(layers.Flatten()(bins(price))))


CASES: tuple[Case, ...] = (
    _lost("seconds since 1970, within the hour", within_hour, times(START, 1)),
    _lost("seconds since 1970, from a start", since_start(START), times(START, 2)),
    _lost("seconds in whole numbers, from a start", since_start(START), times(START, 2, "int64")),
    _lost("ways between coordinates in metres", distances, points),
    _clean("seconds of a day, within the hour", within_hour, times(36_000.0, 1)),
    _clean("seconds from a start near 0", since_start(0.0), times(0.0, 2)),
    _clean(
        "whole numbers that become small",
        scaled(1e-9),
        lambda random: random.integers(10**8, 10**9, size=(50, 3)),
    ),
    _clean(
        "prices on the borders of bins",
        binned,
        lambda random: random.choice([0.4, 0.7, 1.1, 1.9, 2.3, 3.3], (60, 2)),
    ),
    _clean(
        "balances in cents",
        scaled(1e-12),
        lambda random: np.round(random.lognormal(27.0, 1.0, (50, 3)), 2),
    ),
)
