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
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.normalised import WEATHER
from tests.corpus.worlds import settle, weather

__all__ = ["CASES"]

Array = np.ndarray
Serve = Callable[[Array], Array]
_ITEMS, _STEPS = 30_000, 20

SQUEEZED = make_pipeline(PowerTransformer(), MinMaxScaler()).fit(WEATHER)
ROTATED = make_pipeline(StandardScaler(), PCA(4, random_state=0)).fit(WEATHER)


def _in_requests(scale: Serve, size: int) -> Serve:
    return lambda rows: np.concatenate([scale(rows[at : at + size]) for at in range(0, len(rows), size)])


def _last_step_alone(rows: Array) -> Array:
    return np.asarray(MinMaxScaler().fit_transform(SQUEEZED[:1].transform(rows)))


def _first_step_alone(rows: Array) -> Array:
    return np.asarray(ROTATED[1:].transform(StandardScaler().fit_transform(rows)))


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
    _clean("both steps of a pipeline as saved", _pipeline(SQUEEZED), _served(SQUEEZED, SQUEEZED.transform)),
    _clean("scaled and rotated as saved", _pipeline(ROTATED), _served(ROTATED, ROTATED.transform)),
    _clean("ids sent as float32", recommender, _items(lambda ids: ids.astype("float32"))),
    _clean("differences of readings", forecaster, _meters(True)),
)
