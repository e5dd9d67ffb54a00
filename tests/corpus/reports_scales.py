"""Served rows that serving normalizes although the model does too; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.normalised import WEATHER, dense, pixels, rescaling_pictures
from tests.corpus.reports_served import small_cnn
from tests.corpus.worlds import settle, weather

__all__ = ["CASES"]

Array = np.ndarray
Serve = Callable[[Array], Array]


def _pictures(serve: Serve, scale: float = 1.0) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = (pixels(50, int(random.integers(1000))) * scale).astype("float32")
        return lay_out(folder, data=rows, served=serve(rows).astype("float32"))

    return write


def _weather(serve: Serve, scaler: Any = None) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = weather(random, 80).astype("float32")
        more = {} if scaler is None else {"scaler": pickle.dumps(scaler)}
        return lay_out(folder, data=rows, served=serve(rows).astype("float32"), **more)

    return write


def _fault(name: str, build: Callable[[], Any], kit: Writer, layer: str) -> Case:
    return Case(
        name=name,
        family="reports-scales",
        build=build,
        kit=kit,
        failing=("KC402",),
        causes=("normalized-twice",),
        layer=layer,
    )


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    quiet = ("KC301", "KC402")
    return Case(name=name, family="clean-reports-scales", build=build, kit=kit, quiet=quiet)


def _standardized(rows: Array) -> Array:
    return np.asarray((rows - rows.mean()) / rows.std())


def _as_they_are(rows: Array) -> Array:
    return rows


def _wider(rows: Array) -> Array:
    """The same rows scaled by a scaler of other rows."""
    return np.asarray(StandardScaler().fit(WEATHER * 1.4 + 3.0).transform(rows))


FITTED = StandardScaler().fit(WEATHER)


def plain_weather() -> Any:
    """A model of scaled rows."""
    parts = [layers.Dense(24, activation="tanh"), layers.Dense(1, name="head")]
    return settle(keras.Sequential([keras.Input((WEATHER.shape[1],)), *parts]), FITTED.transform(WEATHER))


FLOORS = (
    np.random.default_rng(41).normal([50.0, 3000.0, 0.2], [12.0, 800.0, 0.05], (900, 3)).astype("float32")
)


def given_statistics(variance: Array) -> Any:
    """A model whose layer is given its statistics, in place of adapt()."""
    inputs = keras.Input((3,), name="floors")
    normalised = layers.Normalization(mean=FLOORS.mean(axis=0), variance=variance, name="given")(inputs)
    return keras.Model(inputs, layers.Dense(1)(layers.Dense(9, activation="tanh")(normalised)))


def _floors(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    return lay_out(folder, data=random.permutation(FLOORS)[:80], reference=FLOORS)


def pretrained() -> Any:
    """Photos that are normalized with the numbers of ImageNet."""
    inputs = keras.Input((9, 9, 3), name="photos")
    numbers = {"mean": [0.485, 0.456, 0.406], "variance": [0.0524, 0.0502, 0.0506]}
    hidden = layers.Normalization(**numbers)(layers.Rescaling(1 / 255)(inputs))
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, activation="relu")(hidden))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(hidden))


def _photos(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    patches = random.uniform(0, 255, (150, 3, 3, 3)) * [1.0, 0.8, 0.6]
    photos = np.kron(patches, np.ones((1, 3, 3, 1))).astype("uint8")
    return lay_out(folder, data=photos[:60], reference=photos)


CASES: tuple[Case, ...] = (
    _fault(
        "pictures served divided by 255, and rescaled",
        rescaling_pictures,
        _pictures(lambda rows: rows / 255.0),
        "rescale",
    ),
    _fault(
        "pictures served from -1 to 1, and rescaled to that",
        lambda: rescaling_pictures(1 / 127.5, -1.0),
        _pictures(lambda rows: rows / 127.5 - 1.0),
        "rescale",
    ),
    _fault(
        "pictures served standardized, and rescaled",
        rescaling_pictures,
        _pictures(_standardized),
        "rescale",
    ),
    _fault(
        "weather served between 0 and 1, and normalized",
        lambda: dense(WEATHER),
        _weather(MinMaxScaler().fit(WEATHER).transform),
        "normalise",
    ),
    Case(
        name="weather served by another scaler, and not normalized",
        family="reports-scales",
        build=plain_weather,
        kit=_weather(_wider, FITTED),
        failing=("KC301",),
        causes=("scaler-foreign",),
    ),
    Case(
        name="pictures not divided by 255 in serving",
        family="reports-scales",
        build=small_cnn,
        kit=_pictures(lambda rows: rows * 255.0, 1 / 255.0),
        failing=("KC301",),
        causes=("scaler-foreign",),
    ),
    Case(
        name="pictures divided by 255 again in serving",
        family="reports-scales",
        build=small_cnn,
        kit=_pictures(lambda rows: rows / 255.0, 1 / 255.0),
        failing=("KC301",),
        causes=("scaler-foreign",),
    ),
    _clean("pictures divided by 255 as in training", small_cnn, _pictures(_as_they_are, 1 / 255.0)),
    _clean("pictures served as they are, and rescaled", rescaling_pictures, _pictures(_as_they_are)),
    _clean("weather served as it is, and normalized", lambda: dense(WEATHER), _weather(_as_they_are)),
    _clean("weather served scaled, and not normalized", plain_weather, _weather(FITTED.transform, FITTED)),
    Case(
        name="a deviation given as the variance",
        family="reports-scales",
        build=lambda: given_statistics(FLOORS.std(axis=0)),
        kit=_floors,
        failing=("KC401",),
        causes=("normalization-stale",),
        layer="given",
    ),
    Case(
        name="a variance given as the variance",
        family="clean-reports-scales",
        build=lambda: given_statistics(FLOORS.var(axis=0)),
        kit=_floors,
        quiet=("KC401", "KC402", "KC702"),
    ),
    Case(
        name="photos and the numbers of ImageNet",
        family="clean-reports-scales",
        build=pretrained,
        kit=_photos,
        quiet=("KC401", "KC402", "KC702"),
    ),
)
