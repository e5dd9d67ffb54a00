"""Layers that overwrite a variable in a call without the training argument, after they have used it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, Maker, flat, pictures, steps
from tests.corpus.reports_bare_calls_layers import Centred, Codebook, Counted, Observed, Wrapped

__all__ = ["CASES", "coded"]

FAMILY, CLEAN = "reports-bare-calls", "clean-reports-bare-calls"
OWN = ("--custom-objects", str(Path(__file__).with_name("reports_bare_calls_layers.py")))
NAME = "adjust"


def coded(*, strict: bool) -> Callable[[], Any]:
    """Return a builder of an autoencoder with a book of codes."""
    return lambda: keras.Sequential(
        [keras.Input((10,)), layers.Dense(5), Codebook(strict=strict, name=NAME), layers.Dense(10)]
    )


def centred(*, strict: bool) -> Callable[[], Any]:
    """Return a builder of a forecaster whose encoder centres its inputs."""

    def build() -> Any:
        inner = keras.Sequential(
            [keras.Input((8, 3)), layers.Dense(4), Centred(strict=strict, name=NAME)], name="encoder"
        )
        series = keras.Input((8, 3))
        return keras.Model(series, layers.Dense(1)(layers.GRU(5)(inner(series))))

    return build


def observed(*, strict: bool) -> Callable[[], Any]:
    """Return a builder of a classifier that rounds its activations."""

    def build() -> Any:
        picture = keras.Input((8, 8, 3))
        hidden = layers.Conv2D(6, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=0.8))(picture)
        hidden = layers.Flatten()(Observed(strict=strict, name=NAME)(hidden))
        return keras.Model(picture, layers.Dense(3, activation="softmax")(hidden))

    return build


def counted(limit: int) -> Callable[[], Any]:
    """Return a builder of a regressor that counts calls."""
    return lambda: keras.Sequential(
        [keras.Input((10,)), layers.Dense(8, activation="tanh"), Counted(limit, name=NAME), layers.Dense(1)]
    )


def wrapped() -> Any:
    """BatchNormalization in a layer that passes None on."""
    return keras.Sequential([keras.Input((10,)), layers.Dense(8), Wrapped(name=NAME), layers.Dense(1)])


def _off() -> Any:
    """Randomness that is switched off by its rate, in training mode in the graph."""
    features = keras.Input((10,))
    hidden = layers.Dropout(0.0)(layers.Dense(8, activation="tanh")(features), training=True)
    return keras.Model(features, layers.Dense(1)(layers.GaussianNoise(0.0)(hidden, training=True)))


def _frozen() -> Any:
    """BatchNormalization that is not trainable, in training mode in the graph."""
    picture = keras.Input((8, 8, 3))
    norm = layers.BatchNormalization(trainable=False)
    hidden = norm(layers.Conv2D(4, 3)(picture), training=True)
    return keras.Model(picture, layers.Dense(2)(layers.Flatten()(hidden)))


def _nested_off() -> Any:
    """A nested model that is called in training mode, with dropout that is switched off by its rate."""
    inner = keras.Input((10,))
    box = keras.Model(inner, layers.Dropout(0.0)(layers.Dense(6)(inner)), name="box")
    features = keras.Input((10,))
    return keras.Model(features, layers.Dense(1)(box(features, training=True)))


def _fault(
    name: str, build: Callable[[], Any], data: Maker, layer: str = NAME, *, warns: bool = False
) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        args=OWN,
        causes=("training-flag-default",),
        layer=layer,
        failing=() if warns else ("KC202",),
        warning=("KC202",) if warns else (),
    )


def _clean(name: str, build: Callable[[], Any], data: Maker) -> Case:
    return Case(name=name, family=CLEAN, build=build, data=data, args=OWN, quiet=("KC202", "KC203", "KC801"))


CASES: tuple[Case, ...] = (
    _fault("codes that a bare call moves", coded(strict=False), flat(10)),
    _fault("a running mean that a bare call moves", centred(strict=False), steps(8, 3), f"encoder/{NAME}"),
    _fault("a range that a bare call widens", observed(strict=False), pictures(8, 8, 3)),
    _fault("a count that a bare call raises, with a limit", counted(1000), flat(10), warns=True),
    _clean("codes that training moves", coded(strict=True), flat(10)),
    _clean("a running mean that training moves", centred(strict=True), steps(8, 3)),
    _clean("a range that training widens", observed(strict=True), pictures(8, 8, 3)),
    _clean("a count that a bare call raises, without an effect", counted(0), flat(10)),
    _clean("batch norm that is passed None", wrapped, flat(10)),
    _clean("dropout and noise of rate 0, baked on", _off, flat(10)),
    _clean("frozen batch norm, baked on", _frozen, pictures(8, 8, 3)),
    _clean("a nested model with dropout of rate 0, baked on", _nested_off, flat(10)),
)
