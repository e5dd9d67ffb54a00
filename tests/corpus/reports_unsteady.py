"""Models that take something from outside of their inputs at inference; and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, Maker, flat, steps
from tests.corpus.reports_unsteady_layers import Aged, FadedIn, Stamped, Thinned

__all__ = ["CASES", "aged", "faded", "stamped", "thinned"]

FAMILY, CLEAN = "reports-unsteady", "clean-reports-unsteady"
SIZE = "batch-size-dependence"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_unsteady_layers.py")))


def faded(where: str) -> Callable[[], Any]:
    """Return a builder of a regressor with a branch that is faded in."""

    def build() -> Any:
        features = keras.Input((9,), name="features")
        hidden = layers.Dense(10, activation="tanh")(features)
        branch = FadedIn(where, name="fade")(layers.Dense(10)(hidden))
        return keras.Model(features, layers.Dense(1, name="score")(layers.Add()([hidden, branch])))

    return build


def faded_series() -> Any:
    """A recurrent model whose series are faded in."""
    parts = [FadedIn("attribute", name="fade"), layers.GRU(6), layers.Dense(2)]
    return keras.Sequential([keras.Input((7, 3)), *parts])


def thinned(how: str) -> Callable[[], Any]:
    """Return a builder of a classifier with a layer that draws random numbers."""

    def build() -> Any:
        parts = [layers.Dense(16, activation="relu"), Thinned(how, name="thin"), layers.Dense(3)]
        return keras.Sequential([keras.Input((9,)), *parts])

    return build


def aged(by: str) -> Callable[[], Any]:
    """Return a builder of a regressor of customers."""

    def build() -> Any:
        features = keras.Input((9,), name="features")
        hidden = layers.Dense(8, activation="tanh")(Aged(by, name="age")(features))
        return keras.Model(features, layers.Dense(1, name="value")(hidden))

    return build


def stamped(by: str) -> Callable[[], Any]:
    """Return a builder of a regressor with a function of NumPy."""

    def build() -> Any:
        features = keras.Input((9,), name="features")
        hidden = Stamped(by, name="stamp")(layers.Dense(6, activation="tanh")(features))
        return keras.Model(features, layers.Dense(1, name="value")(hidden))

    return build


def tided() -> Any:
    """A recurrent model with a wave of a day inside a nested model."""
    series = keras.Input((7, 3))
    inner = keras.Sequential([keras.Input((7, 3)), Aged("daily", name="tide")], name="sea")
    return keras.Model(series, layers.Dense(2)(layers.LSTM(5)(inner(series))))


def _fault(name: str, build: Callable[[], Any], data: Maker, cause: str, layer: str, *failing: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        causes=(cause,),
        layer=layer,
        failing=failing,
        args=OBJECTS,
    )


def _clean(name: str, build: Callable[[], Any], data: Maker) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=data, quiet=("KC203", "KC602"), args=OBJECTS)


CASES: tuple[Case, ...] = (
    _fault(
        "a branch faded in by calls", faded("attribute"), flat(9), "hidden-state", "fade", "KC201", "KC203"
    ),
    _fault("calls counted in an object", faded("mapping"), flat(9), "hidden-state", "fade", "KC201", "KC203"),
    _fault("series faded in by calls", faded_series, steps(7, 3), "hidden-state", "fade", "KC201", "KC203"),
    _fault("dropout of a fixed seed", thinned("dropout"), flat(9), SIZE, "thin", "KC101", "KC102"),
    _fault("noise of a fixed seed by rows", thinned("noise"), flat(9), SIZE, "thin", "KC101", "KC102"),
    _fault("hours until now", aged("hours"), flat(9), "clock-read", "age", "KC203"),
    _fault("a wave of a day", aged("daily"), flat(9), "clock-read", "age", "KC203"),
    _fault("a tide inside", tided, steps(7, 3), "clock-read", "sea/tide", "KC203"),
    _clean("hours until a column", aged("column"), flat(9)),
    _clean("the time only printed", aged("printed"), flat(9)),
    _clean("dropout of a fixed seed in training", thinned("training"), flat(9)),
    _clean("a branch faded in by training", faded("training"), flat(9)),
    _fault("the hour inside a function of NumPy", stamped("hour"), flat(9), "clock-read", "stamp", "KC203"),
    _fault("the weekday of now", stamped("weekday"), flat(9), "clock-read", "stamp", "KC203"),
    _fault("a clock imported in the call", stamped("local"), flat(9), "clock-read", "stamp", "KC203"),
    _fault("the time of tracing", stamped("traced"), flat(9), "clock-read", "stamp", "KC203", "KC201"),
    _clean("a function of NumPy that is timed", stamped("timed"), flat(9)),
    _clean("dates of a column", stamped("dates"), flat(9)),
)
