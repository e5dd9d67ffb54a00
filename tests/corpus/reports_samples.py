"""Reference rows with extreme values, statistics that overflow, and rows that were rounded when stored."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-samples", "clean-reports-samples"
Array = np.ndarray
Draw = Callable[[np.random.Generator, int], Array]
Build = Callable[[], Any]


def _clean(name: str, build: Build, kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit)


def _fault(
    name: str,
    build: Build,
    kit: Writer,
    code: str,
    cause: str,
    layer: str | None = None,
    *,
    warns: bool = False,
) -> Case:
    failing, warning = ((), (code,)) if warns else ((code,), ())
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=kit,
        failing=failing,
        warning=warning,
        causes=(cause,),
        layer=layer,
    )


def training(draw: Draw, rows: int = 2000) -> Array:
    """The rows of training, the same whenever they are asked for."""
    return draw(np.random.default_rng(7), rows)


# Rows


def standard(random: np.random.Generator, rows: int) -> Array:
    """Features that are standardized by nature."""
    return random.normal(size=(rows, 4)).astype("float32")


def sensors(random: np.random.Generator, rows: int) -> Array:
    """Features of different sizes."""
    return random.normal([50, 1000, 0.1, -20], [10, 300, 0.02, 5], (rows, 4)).astype("float32")


def signals(random: np.random.Generator, rows: int) -> Array:
    """Series of four standardized channels."""
    return random.normal(size=(rows, 12, 4)).astype("float32")


def sizes(random: np.random.Generator, rows: int) -> Array:
    """File sizes, whose largest depends on how many there are."""
    return (random.pareto(0.7, (rows, 4)) + 1).astype("float32")


def incomes(random: np.random.Generator, rows: int) -> Array:
    """Logarithms of Student's t."""
    return np.exp(1.5 * random.standard_t(3, (rows, 4)))


def angles(random: np.random.Generator, rows: int) -> Array:
    """Angles in radians."""
    return random.uniform(-np.pi, np.pi, (rows, 4)).astype("float32")


def with_value(draw: Draw, value: float, feature: int | None = None) -> Draw:
    """The same rows, the fourth of which has this value in one feature or in all."""

    def drawn(random: np.random.Generator, rows: int) -> Array:
        spoiled = draw(random, rows)
        spoiled[3, ..., slice(None) if feature is None else feature] = value
        return spoiled

    return drawn


# Models


def _adapt(norm: Any, draw: Draw) -> None:
    # The overflow of large values is what some of the cases are about.
    with np.errstate(over="ignore"):
        norm.adapt(training(draw))


def dense(*, adapted: Draw | None = None) -> Build:
    """A small dense model that normalizes its inputs if it is adapted."""

    def make() -> Any:
        norm = layers.Normalization(name="norm")
        if adapted is not None:
            _adapt(norm, adapted)
        hidden = [layers.Dense(8, activation="tanh"), layers.Dense(1, name="price")]
        return keras.Sequential([keras.Input((4,), name="x"), *([norm] if adapted else []), *hidden])

    return make


def recurrent(adapted: Draw) -> Build:
    """A GRU over normalized time steps."""

    def make() -> Any:
        inputs = keras.Input((12, 4), name="signal")
        norm = layers.Normalization(name="norm")
        _adapt(norm, adapted)
        return keras.Model(inputs, layers.Dense(2, name="next")(layers.GRU(6)(norm(inputs))))

    return make


def nested(adapted: Draw) -> Build:
    """Normalization inside of an inner model."""

    def make() -> Any:
        norm = layers.Normalization(name="norm")
        _adapt(norm, adapted)
        inner = keras.Sequential(
            [keras.Input((4,)), norm, layers.Dense(6, activation="relu")], name="encoder"
        )
        inputs = keras.Input((4,), name="x")
        return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="risk")(inner(inputs)))

    return make


def of_logarithms() -> Any:
    """A model that takes logarithms itself."""
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(8, activation="tanh")(keras.ops.log(keras.ops.maximum(inputs, 1e-3)))
    return keras.Model(inputs, layers.Dense(1, name="load")(hidden))


# Files


def new_rows(draw: Draw, known: Draw | None = None, *, rows: int = 100, factor: float = 1.0) -> Writer:
    """New rows in a different unit, next to the rows of training."""
    reference = known or draw

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        return lay_out(folder, data=draw(random, rows) * np.float32(factor), reference=training(reference))

    return write


def scaled(draw: Draw, scaler: Callable[[], Any], known: int = 2000) -> Writer:
    """New rows, the scaler, what it gives, and the rows that it was fitted on."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        fitted, rows = scaler().fit(training(draw)), draw(random, 100)
        return lay_out(
            folder,
            data=rows,
            scaler=pickle.dumps(fitted),
            served=fitted.transform(rows).astype("float32"),
            reference=training(draw)[:known],
        )

    return write


def unserved(draw: Draw, scaler: Callable[[], Any]) -> Writer:
    """New rows, the scaler, and the rows that it was fitted on."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        fitted = scaler().fit(training(draw))
        return lay_out(folder, data=draw(random, 100), scaler=pickle.dumps(fitted), reference=training(draw))

    return write


TWICE, RANGE = ("KC402", "normalized-twice"), ("KC402", "input-range")

EXTREME: tuple[Case, ...] = (
    _clean(
        "one glitch in training",
        dense(adapted=with_value(standard, 1e4, 0)),
        new_rows(standard, with_value(standard, 1e4, 0)),
    ),
    _clean(
        "one row of sentinels in training, nested",
        nested(with_value(standard, -999.0)),
        new_rows(standard, with_value(standard, -999.0)),
    ),
    _clean(
        "one glitch in a channel of a series in training",
        recurrent(with_value(signals, 3e4, 1)),
        new_rows(signals, with_value(signals, 3e4, 1)),
    ),
    _fault(
        "normalized twice, and a glitch in training",
        dense(adapted=with_value(sensors, 300.0, 0)),
        new_rows(standard, with_value(sensors, 300.0, 0)),
        *TWICE,
        "norm",
    ),
    _clean("file sizes", of_logarithms, new_rows(sizes, rows=64)),
    _clean("incomes after a scaler", dense(), scaled(incomes, StandardScaler)),
    _clean(
        "file sizes after a scaler by range, some rows of training",
        dense(),
        scaled(sizes, MinMaxScaler, 1000),
    ),
    _fault("file sizes in a different unit", of_logarithms, new_rows(sizes, factor=1024.0), *RANGE),
    _fault("angles in degrees, few rows", dense(), new_rows(angles, rows=6, factor=57.2958), *RANGE),
    _fault(
        "angles in degrees, and a glitch in training",
        dense(),
        new_rows(angles, with_value(angles, 1e5), factor=57.2958),
        *RANGE,
    ),
)

NOT_FINITE = ("KC401", "normalization-not-finite")

OVERFLOW: tuple[Case, ...] = (
    _fault(
        "variance beyond float32",
        dense(adapted=with_value(standard, 1e25, 0)),
        new_rows(standard, with_value(standard, 1e25, 0)),
        *NOT_FINITE,
        "norm",
    ),
    _fault(
        "variance beyond float32 in a series",
        recurrent(with_value(signals, -1e22, 2)),
        new_rows(signals),
        *NOT_FINITE,
        "norm",
    ),
    _fault(
        "adapted on a missing value, nested",
        nested(with_value(standard, np.nan, 1)),
        new_rows(standard),
        *NOT_FINITE,
        "encoder/norm",
    ),
    _clean(
        "variance within float32",
        dense(adapted=lambda random, rows: sensors(random, rows) * np.float32(1e14)),
        new_rows(sensors, factor=1e14, known=lambda random, rows: sensors(random, rows) * np.float32(1e14)),
    ),
)


def halved() -> Any:
    """A scaler that changes little: each feature is divided by a number near 2."""
    return StandardScaler(with_mean=False)


def even(random: np.random.Generator, rows: int) -> Array:
    """Features with a deviation of about 2."""
    return random.normal(1.0, 2.0, (rows, 4)).astype("float32")


def behind(draw: Draw, scaler: Callable[[], Any]) -> Draw:
    """The rows after a scaler that was fitted on those of training."""
    return lambda random, rows: scaler().fit(training(draw)).transform(draw(random, rows)).astype("float32")


SCALED_FIRST: tuple[Case, ...] = (
    _fault(
        "layer adapted before the scaler",
        dense(adapted=sensors),
        unserved(sensors, StandardScaler),
        *TWICE,
        "norm",
    ),
    _fault(
        "layer adapted before a scaler by range, nested",
        nested(sensors),
        unserved(sensors, MinMaxScaler),
        *TWICE,
        "encoder/norm",
    ),
    _fault(
        "layer adapted before a scaler that changes little",
        dense(adapted=even),
        unserved(even, halved),
        *TWICE,
        "norm",
    ),
    _clean(
        "layer adapted behind the scaler",
        dense(adapted=behind(sensors, MinMaxScaler)),
        unserved(sensors, MinMaxScaler),
    ),
    _clean(
        "layer adapted behind a scaler that changes little",
        nested(behind(even, halved)),
        unserved(even, halved),
    ),
)


def stamps(random: np.random.Generator, rows: int) -> Array:
    """Time stamps of two hours, and standardized features."""
    rest = random.normal(size=(rows, 3))
    return np.hstack([1.7e9 + random.uniform(0, 7200, (rows, 1)), rest])


def orders(random: np.random.Generator, rows: int) -> Array:
    """Order numbers of one day, and standardized features."""
    return np.hstack([20_000_000.0 + random.integers(0, 200, (rows, 1)), random.normal(size=(rows, 3))])


def days(random: np.random.Generator, rows: int) -> Array:
    """Midnights of two years, whose seconds are exact in float32, and standardized features."""
    numbers = 19_600 + random.integers(0, 730, (rows, 1))
    return np.hstack([86_400.0 * numbers, random.normal(size=(rows, 3))])


def seconds(random: np.random.Generator, rows: int) -> Array:
    """Seconds since midnight, and standardized features."""
    return stamps(random, rows) - [1.7e9, 0, 0, 0]


def stored(draw: Draw, scaler: Callable[[], Any], *dtypes: str) -> Writer:
    """Rows that were stored in these dtypes, one after the other, with the scaler."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        fitted, rows = scaler().fit(training(draw)), draw(random, 120)
        for dtype in dtypes:
            rows = rows.astype(dtype)
        return lay_out(folder, data=rows, scaler=pickle.dumps(fitted))

    return write


def _rounded(name: str, kit: Writer) -> Case:
    return _fault(name, dense(), kit, "KC305", "scaled-in-low-precision", warns=True)


STORED: tuple[Case, ...] = (
    _rounded("time stamps in float32", stored(stamps, StandardScaler, "float32")),
    _rounded("time stamps that were in float32", stored(stamps, RobustScaler, "float32", "float64")),
    _rounded("order numbers in float32", stored(orders, MinMaxScaler, "float32")),
    _clean("time stamps in float64", dense(), stored(stamps, StandardScaler, "float64")),
    _clean("order numbers in float64", dense(), stored(orders, MinMaxScaler, "float64")),
    _clean("midnights in float32", dense(), stored(days, StandardScaler, "float32")),
    _clean("seconds since midnight in float32", dense(), stored(seconds, MaxAbsScaler, "float32")),
)

CASES: tuple[Case, ...] = (*EXTREME, *OVERFLOW, *SCALED_FIRST, *STORED)
