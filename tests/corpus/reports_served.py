"""Served rows with the right values in other places: padding, order of rows, and time; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.corpus.cases import Case, Rows, Writer
from tests.corpus.kits import lay_out

__all__ = [
    "CASES",
    "CLEAN",
    "FAMILY",
    "QUIET",
    "Pairs",
    "normal",
    "reader",
    "served_kit",
    "small_cnn",
    "table_model",
]

FAMILY, CLEAN = "reports-served", "clean-reports-served"
QUIET = ("KC301", "KC305")
Array = np.ndarray
Pairs = Callable[[np.random.Generator], tuple[Rows, Rows]]
"""Rows, and what serving made of them."""


def served_kit(pairs: Pairs) -> Writer:
    """Return a kit of rows, and of what serving made of them."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        data, served = pairs(random)
        return lay_out(folder, data=data, served=served)

    return write


def _fault(name: str, build: Callable[[], Any], pairs: Pairs, *causes: str) -> Case:
    kit = served_kit(pairs)
    return Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=causes)


def _clean(name: str, build: Callable[[], Any], pairs: Pairs) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=served_kit(pairs), quiet=QUIET)


# Padding


def reader() -> Any:
    """Ids, an LSTM that masks the padding."""
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32", name="ids"),
            layers.Embedding(80, 6, mask_zero=True),
            layers.LSTM(5),
            layers.Dense(1, activation="sigmoid", name="score"),
        ]
    )


def listener() -> Any:
    """Three channels with a mask value, a GRU."""
    inputs = keras.Input((10, 3), name="sound")
    hidden = layers.GRU(6)(layers.Masking(-10.0)(inputs))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="word")(hidden))


def meter() -> Any:
    """One channel whose padding is masked, a recurrent cell."""
    inputs = keras.Input((14, 1), name="load")
    hidden = layers.SimpleRNN(7)(layers.Masking(0.0)(inputs))
    return keras.Model(inputs, layers.Dense(2, name="next")(hidden))


def _padded(rows: list[Array], length: int, side: str, cut: str, value: float) -> Array:
    kind = rows[0].dtype.name
    return keras.utils.pad_sequences(rows, length, kind, padding=side, truncating=cut, value=value)


def sentences(there: tuple[str, str], here: tuple[str, str], lengths: tuple[int, int]) -> Pairs:
    """Ids that are padded and cut there, in training, and here, in serving."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        rows = [random.integers(1, 80, size, "int32") for size in random.integers(*lengths, 60)]
        return _padded(rows, 12, *there, 0.0), _padded(rows, 12, *here, 0.0)

    return make


def series(channels: int, length: int, value: float, there: str, here: str) -> Pairs:
    """Series that are padded with this value."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        sizes = random.integers(3, length, 50)
        rows = [random.normal(size=(size, channels)).astype("float32") for size in sizes]
        return _padded(rows, length, there, "pre", value), _padded(rows, length, here, "pre", value)

    return make


SHORT, LONG = (3, 13), (12, 18)
BEFORE, AFTER = ("pre", "pre"), ("post", "post")

PADDING: tuple[Case, ...] = (
    _fault("ids padded after", reader, sentences(BEFORE, AFTER, SHORT), "padding-side"),
    _fault(
        "series padded before a mask value", listener, series(3, 10, -10.0, "post", "pre"), "padding-side"
    ),
    _fault("one channel padded after", meter, series(1, 14, 0.0, "pre", "post"), "padding-side"),
    _fault("long texts cut at the end", reader, sentences(BEFORE, ("pre", "post"), LONG), "padding-side"),
    _clean("ids padded before", reader, sentences(BEFORE, BEFORE, SHORT)),
    _clean("series padded as in training", listener, series(3, 10, -10.0, "post", "post")),
    _clean("one channel padded as in training", meter, series(1, 14, 0.0, "pre", "pre")),
    _clean("long texts cut as in training", reader, sentences(BEFORE, BEFORE, LONG)),
)

# Order of the rows


def table_model() -> Any:
    """Dense layers over five features."""
    return keras.Sequential(
        [keras.Input((5,), name="x"), layers.Dense(9, activation="relu"), layers.Dense(1)]
    )


def two_inputs() -> Any:
    """A table and a series."""
    left, right = keras.Input((4,), name="left"), keras.Input((6, 2), name="right")
    joined = layers.Concatenate()([left, layers.GRU(4)(right)])
    return keras.Model([left, right], layers.Dense(2, name="gain")(joined))


def small_cnn() -> Any:
    """A small convolutional model."""
    inputs = keras.Input((8, 8, 3), name="picture")
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(hidden))


def watcher() -> Any:
    """Three channels, a GRU that reads the newest time step first, and a convolution."""
    inputs = keras.Input((12, 3), name="window")
    backwards = layers.GRU(5, go_backwards=True)(inputs)
    local = layers.GlobalMaxPooling1D()(layers.Conv1D(4, 3)(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([backwards, local])))


def normal(shape: tuple[int, ...], serve: Callable[[Array], Array]) -> Pairs:
    """Normal rows."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        rows = random.normal(size=shape).astype("float32")
        return rows, serve(rows)

    return make


def table_and_series(serve: Callable[[Array], Array]) -> Pairs:
    """Rows of two inputs, of which serving changes the second one."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        left, right = random.normal(size=(40, 4)), random.normal(size=(40, 6, 2))
        rows = {"left": left.astype("float32"), "right": right.astype("float32")}
        return rows, {**rows, "right": serve(rows["right"])}

    return make


ORDER: tuple[Case, ...] = (
    _fault(
        "a table sorted by a column",
        table_model,
        normal((70, 5), lambda x: x[np.argsort(x[:, 0])]),
        "row-order",
    ),
    _fault(
        "one of two inputs is late", two_inputs, table_and_series(lambda x: np.roll(x, 1, 0)), "row-order"
    ),
    _fault(
        "images in reverse order", small_cnn, normal((30, 8, 8, 3), lambda images: images[::-1]), "row-order"
    ),
    _fault(
        "windows with the newest time step first",
        watcher,
        normal((40, 12, 3), lambda x: x[:, ::-1]),
        "feature-order",
    ),
    _fault("one channel, newest first", meter, normal((40, 14, 1), lambda x: x[:, ::-1]), "feature-order"),
    _fault("each column sorted", table_model, normal((70, 5), lambda x: np.sort(x, axis=0))),
    _clean("a table in its order", table_model, normal((70, 5), np.copy)),
    _clean("two inputs in their order", two_inputs, table_and_series(np.copy)),
    _clean("windows that the model reads backwards", watcher, normal((40, 12, 3), np.copy)),
    _clean("images in their order", small_cnn, normal((30, 8, 8, 3), np.copy)),
)

# Time


def clock_model(features: int) -> Callable[[], Any]:
    """Dense layers over sine, cosine and other features."""

    def build() -> Any:
        inputs = keras.Input((features,), name="features")
        hidden = layers.Dense(10, activation="tanh")(inputs)
        return keras.Model(inputs, layers.Dense(1, name="demand")(hidden))

    return build


def _circle(time: Array, period: float) -> list[Array]:
    angle = 2 * np.pi * time / period
    return [np.sin(angle), np.cos(angle)]


def hours(later: Callable[[np.random.Generator], Any]) -> Pairs:
    """Hour of the day, weekday and temperature."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        hour, weekday, level = random.integers(0, 24, 90), random.integers(0, 7, 90), random.normal(size=90)
        there, here = (
            np.stack([*_circle(each, 24), weekday / 6, level], axis=1).astype("float32")
            for each in (hour, hour + later(random))
        )
        return there, here

    return make


def weekdays(later: int) -> Pairs:
    """Weekday and month, both on a circle, of which serving shifts the weekday."""

    def make(random: np.random.Generator) -> tuple[Rows, Rows]:
        day, month = random.integers(0, 7, 80), random.integers(0, 12, 80)
        there, here = (
            np.stack([*_circle(month, 12), *_circle(each, 7)], axis=1).astype("float32")
            for each in (day, day + later)
        )
        return there, here

    return make


def scaled_hours(later: int) -> Writer:
    """Minutes of the day and a level, through a saved scaler."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        minutes, level = random.integers(0, 1440, 80), random.normal(20.0, 6.0, 80)
        data, served = (
            np.stack([*_circle(each, 1440), level], axis=1) for each in (minutes, minutes + later)
        )
        scaler = StandardScaler().fit(data)
        rows = scaler.transform(served).astype("float32")
        return lay_out(folder, data=data, scaler=pickle.dumps(scaler), served=rows)

    return write


def _timed(name: str, later: int) -> Case:
    kit = scaled_hours(later)
    if later:
        return Case(
            name=name,
            family=FAMILY,
            build=clock_model(3),
            kit=kit,
            failing=("KC301",),
            causes=("time-shift",),
        )
    return Case(name=name, family=CLEAN, build=clock_model(3), kit=kit, quiet=QUIET)


TIME: tuple[Case, ...] = (
    _fault("hours of another zone", clock_model(4), hours(lambda _: 2), "time-shift"),
    _fault("weeks that begin on Sunday", clock_model(4), weekdays(1), "time-shift"),
    _timed("scaled minutes, half an hour late", 30),
    _fault("hours without any order", clock_model(4), hours(lambda random: random.integers(0, 24, 90))),
    _clean("hours of the right zone", clock_model(4), hours(lambda _: 0)),
    _clean("weeks that begin on Monday", clock_model(4), weekdays(0)),
    _timed("scaled minutes in time", 0),
)

CASES: tuple[Case, ...] = (*PADDING, *ORDER, *TIME)
