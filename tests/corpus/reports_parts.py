"""Serving that repeats only a part of what training did: one step, the differences, or some of the digits."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.normalised import WEATHER
from tests.corpus.worlds import settle, weather

__all__ = ["CASES"]

Array = np.ndarray
Serve = Callable[[Array], Array]
_ITEMS, _STEPS = 30_000, 20

SQUEEZED = make_pipeline(PowerTransformer(), MinMaxScaler()).fit(WEATHER)
QUANTILES = QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=0).fit(WEATHER)
BENT = PowerTransformer().fit(WEATHER)
LOGARITHMS = make_pipeline(FunctionTransformer(np.arcsinh), StandardScaler()).fit(WEATHER)
ROTATED = make_pipeline(StandardScaler(), PCA(4, random_state=0)).fit(WEATHER)


def _in_requests(scale: Serve, size: int) -> Serve:
    return lambda rows: np.concatenate([scale(rows[at : at + size]) for at in range(0, len(rows), size)])


def _last_step_alone(rows: Array) -> Array:
    return np.asarray(MinMaxScaler().fit_transform(SQUEEZED[:1].transform(rows)))


def _first_step_alone(rows: Array) -> Array:
    return np.asarray(ROTATED[1:].transform(StandardScaler().fit_transform(rows)))


def _in_unit(scaler: Any, column: int, factor: float, offset: float = 0.0) -> Serve:
    def serve(rows: Array) -> Array:
        changed = rows.copy()
        changed[:, column] = changed[:, column] * factor + offset
        return np.asarray(scaler.transform(changed))

    return serve


def _pipeline(scaler: Any) -> Callable[[], Any]:
    def build() -> Any:
        parts = [layers.Dense(24, activation="tanh"), layers.Dense(1, name="head")]
        fed = scaler.transform(WEATHER)
        return settle(keras.Sequential([keras.Input((fed.shape[1],)), *parts]), fed)

    return build


def _served(scaler: Any, serve: Serve) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = weather(random, 80)
        served = serve(rows).astype("float32")
        return lay_out(folder, data=rows, served=served, scaler=pickle.dumps(scaler))

    return write


def recommender() -> Any:
    """A table of items, and a head."""
    items = keras.Input((3,), dtype="int32", name="items")
    hidden = layers.Flatten()(
        layers.Embedding(_ITEMS, 4, embeddings_initializer="normal", name="table")(items)
    )
    return keras.Model(items, layers.Dense(2)(hidden))


def _items(store: Serve) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        ids = random.integers(1, _ITEMS, (70, 3)).astype("int32")
        return lay_out(folder, data=ids, served=store(ids).astype("int32"))

    return write


def forecaster() -> Any:
    """A recurrent model of scaled differences."""
    return keras.Sequential([keras.Input((_STEPS, 2)), layers.GRU(8), layers.Dense(1)])


def _meters(difference: bool) -> Writer:
    """Readings of two meters; training takes their differences and scales them."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        steps = random.normal([3.0, 0.5], [1.2, 0.4], (60, _STEPS, 2))
        readings = random.uniform(50, 90, (60, 1, 2)) + np.cumsum(steps, axis=1)
        first = readings[:, :1] - steps[:, :1]
        right = (np.diff(readings, axis=1, prepend=first) - [3.0, 0.5]) / [1.2, 0.4]
        served = right if difference else (readings - [3.0, 0.5]) / [1.2, 0.4]
        return lay_out(folder, data=right.astype("float32"), served=served.astype("float32"))

    return write


def _lengths(random: np.random.Generator, steps: int, side: str) -> Array:
    place = np.arange(steps) if side == "right" else np.arange(steps)[::-1]
    return np.asarray(place < random.integers(4, steps + 1, 60)[:, None])


def measuring(masked: float) -> Callable[[], Any]:
    """A recurrent model of scaled series of different lengths."""

    def build() -> Any:
        steps = keras.Input((_STEPS, 2))
        hidden = layers.LSTM(8)(layers.Masking(masked, name="masking")(steps))
        return keras.Model(steps, layers.Dense(1)(hidden))

    return build


def reading() -> Any:
    """A recurrent model of texts of different lengths."""
    words = keras.Input((16,), dtype="int32")
    hidden = layers.GRU(8)(layers.Embedding(60, 6, mask_zero=True, name="words")(words))
    return keras.Model(words, layers.Dense(2)(hidden))


def _series(masked: float, serve: Callable[[Array, Array], Array], side: str = "right") -> Writer:
    """Two sensors, scaled and then padded; `serve` gets the raw series and which time steps are true."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        raw, true = random.normal([21.0, 300.0], [3.0, 40.0], (60, _STEPS, 2)), _lengths(random, _STEPS, side)
        right = np.where(true[..., None], _standard(raw), masked)
        served = serve(raw, true[..., None])
        return lay_out(folder, data=right.astype("float32"), served=served.astype("float32"))

    return write


def _standard(raw: Array) -> Array:
    return np.asarray((raw - [21.0, 300.0]) / [3.0, 40.0])


def _texts(serve: Callable[[Array, Array], Array]) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        ids, true = random.integers(2, 60, (60, 16)), _lengths(random, 16, "left")
        right = np.where(true, ids, 0).astype("int32")
        return lay_out(folder, data=right, served=serve(ids, true).astype("int32"))

    return write


def _gaps(raw: Array, true: Array) -> Array:
    """A sensor that fails for a while, with zeros in place of its values."""
    right = np.where(true, _standard(raw), 0.0)
    right[::3, 1:4, 1] = 0.0
    return right


def _fault(name: str, build: Callable[[], Any], kit: Writer, cause: str) -> Case:
    return Case(name=name, family="reports-parts", build=build, kit=kit, failing=("KC301",), causes=(cause,))


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(
        name=name, family="clean-reports-parts", build=build, kit=kit, quiet=("KC301", "KC303", "KC501")
    )


CASES: tuple[Case, ...] = (
    _fault(
        "the last step of a pipeline fitted to each request",
        _pipeline(SQUEEZED),
        _served(SQUEEZED, _in_requests(_last_step_alone, 16)),
        "scaler-refit",
    ),
    _fault(
        "the first step of a pipeline fitted to all rows",
        _pipeline(ROTATED),
        _served(ROTATED, _first_step_alone),
        "scaler-refit",
    ),
    _fault(
        "ids sent as float16",
        recommender,
        _items(lambda ids: ids.astype("float16")),
        "scaled-in-low-precision",
    ),
    _fault("readings in place of their differences", forecaster, _meters(False), "function-misapplied"),
    _fault(
        "padded with zeros and then scaled",
        measuring(0.0),
        _series(0.0, lambda raw, true: _standard(np.where(true, raw, 0.0))),
        "padding-unmasked",
    ),
    _fault(
        "a mask value of -99 that is clipped",
        measuring(-99.0),
        _series(-99.0, lambda raw, true: np.where(true, _standard(raw), -5.0), side="left"),
        "padding-unmasked",
    ),
    _fault(
        "texts padded with the id of unknown words",
        reading,
        _texts(lambda ids, true: np.where(true, ids, 1)),
        "padding-unmasked",
    ),
    _fault(
        "a sensor that gives zeros for a while", measuring(0.0), _series(0.0, _gaps), "features-not-filled"
    ),
    _fault(
        "°F before quantiles",
        _pipeline(QUANTILES),
        _served(QUANTILES, _in_unit(QUANTILES, 0, 1.8, 32.0)),
        "scaler-foreign",
    ),
    _fault(
        "wind in km/h before a power",
        _pipeline(BENT),
        _served(BENT, _in_unit(BENT, 3, 3.6)),
        "scaler-foreign",
    ),
    _fault(
        "wind in cm/s before a logarithm",
        _pipeline(LOGARITHMS),
        _served(LOGARITHMS, _in_unit(LOGARITHMS, 3, 100.0)),
        "scaler-foreign",
    ),
    _clean("both steps of a pipeline as saved", _pipeline(SQUEEZED), _served(SQUEEZED, SQUEEZED.transform)),
    _clean("scaled and rotated as saved", _pipeline(ROTATED), _served(ROTATED, ROTATED.transform)),
    _clean("ids sent as float32", recommender, _items(lambda ids: ids.astype("float32"))),
    _clean("differences of readings", forecaster, _meters(True)),
    _clean(
        "scaled and then padded with zeros",
        measuring(0.0),
        _series(0.0, lambda raw, true: np.where(true, _standard(raw), 0.0)),
    ),
    _clean(
        "a mask value of -99 that stays",
        measuring(-99.0),
        _series(-99.0, lambda raw, true: np.where(true, _standard(raw), -99.0), side="left"),
    ),
    _clean("°C before quantiles", _pipeline(QUANTILES), _served(QUANTILES, QUANTILES.transform)),
    _clean("wind in m/s before a power", _pipeline(BENT), _served(BENT, BENT.transform)),
    _clean("texts padded with zeros", reading, _texts(lambda ids, true: np.where(true, ids, 0))),
)
