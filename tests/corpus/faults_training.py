"""Planted faults of training mode and randomness: outputs differ between predict and calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker, flat, pictures, steps
from tests.corpus.custom_layers import EagerNoise, Forced, Outside, Percent, Unaware
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

Tensor = Any

FAMILY = "training"
NAME = "adjust"
STATISTICS = ("batch-statistics-in-inference",)
RANDOM = ("active-randomness",)
DEFAULT = ("training-flag-default",)
HIDDEN = ("hidden-state", "untracked-state", "active-randomness")


def baked(layer: Callable[[], Any]) -> Callable[[Tensor], Tensor]:
    """Return a function that calls a new layer with training=True fixed in the graph."""
    return lambda tensor: layer()(tensor, training=True)


def _planted(
    host: str, note: str, plant: Any, causes: tuple[str, ...], failing: tuple[str, ...], custom: bool = False
) -> Case:
    chosen = HOSTS[host]
    return Case(
        name=f"{host}, {note}",
        family=FAMILY,
        build=lambda: chosen.build(plant()),
        data=chosen.data,
        causes=causes,
        layer=chosen.within + NAME,
        failing=failing,
        args=CUSTOM if custom else (),
    )


def _on(
    host: str, inner: Callable[[], Any], note: str, causes: tuple[str, ...], failing: tuple[str, ...]
) -> Case:
    """A layer inside a custom layer that always calls it in training mode."""
    return _planted(
        host,
        f"{note} forced on",
        lambda: Forced(inner(), training=True, name=NAME),
        causes,
        failing,
        custom=True,
    )


def augmented() -> Any:
    """Augmentation before a classifier."""
    parts = [
        layers.RandomFlip(name=NAME),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(3),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *parts])


def augmented_inside() -> Any:
    """Augmentation as a nested model."""
    picture = keras.Input((8, 8, 3))
    augmentation = keras.Sequential([layers.RandomZoom(0.3, name=NAME)], name="augmentation")
    return keras.Model(picture, layers.Dense(3)(layers.Flatten()(augmentation(picture))))


def cropped() -> Any:
    """A crop before a classifier: in the middle in predict, anywhere in a bare call."""
    parts = [
        layers.RandomCrop(6, 6, name=NAME),
        layers.Conv2D(4, 3),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3),
    ]
    return keras.Sequential([keras.Input((9, 9, 3)), *parts])


def _same_contrast() -> Any:
    """Augmentation without anything random."""
    parts = [layers.AutoContrast(value_range=(0, 1)), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((8, 8, 3)), *parts])


def _baked_off() -> Any:
    """training=False in the graph, as for a part that is not trained: calls without the argument obey it."""
    picture = keras.Input((8, 8, 3))
    normed = layers.BatchNormalization()(picture, training=False)
    return keras.Model(picture, layers.Dense(3)(layers.Flatten()(normed)))


def contrasted() -> Any:
    """Random contrast and brightness."""
    parts = [
        layers.RandomContrast(0.5, name=NAME),
        layers.Conv2D(4, 3),
        layers.GlobalMaxPooling2D(),
        layers.Dense(2),
    ]
    return keras.Sequential([keras.Input((9, 9, 3)), *parts])


def resized(first: Any) -> Callable[[], Any]:
    """Return a builder of a layer without chance before a normalization that a bare call trains."""

    def build() -> Any:
        parts = [layers.Conv2D(4, 3), layers.BatchNormalization(name=NAME), layers.GlobalMaxPooling2D()]
        return keras.Sequential([keras.Input((9, 9, 3)), first(), *parts, layers.Dense(2)])

    return build


def unaware() -> Any:
    """A subclassed model without a training argument, with augmentation: predict is random."""
    return Unaware([layers.RandomRotation(0.2, name=NAME), layers.Flatten(), layers.Dense(2)])


def percent() -> Any:
    """predict_step multiplies by a hundred."""
    return Percent([layers.Dense(12, activation="relu"), layers.Dense(3, activation="softmax")])


def _built(
    name: str,
    build: Callable[[], Any],
    data: Maker,
    causes: tuple[str, ...],
    layer: str | None,
    failing: str,
    custom: bool = False,
) -> Case:
    args = CUSTOM if custom else ()
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        causes=causes,
        layer=layer,
        failing=(failing,),
        args=args,
    )


def noisy_series() -> Any:
    """A custom layer with training=True as its default, before a GRU."""
    return keras.Sequential([keras.Input((6, 3)), EagerNoise(name=NAME), layers.GRU(5), layers.Dense(1)])


def _norm() -> Any:
    return layers.BatchNormalization(name=NAME)


def _plain_norm() -> Any:
    return layers.BatchNormalization()


CASES: tuple[Case, ...] = (
    _planted("perceptron", "batch norm baked on", lambda: baked(_norm), DEFAULT, ("KC202",)),
    _planted("image-classifier", "batch norm baked on", lambda: baked(_norm), DEFAULT, ("KC202",)),
    _planted("boxed", "batch norm baked on inside", lambda: baked(_norm), DEFAULT, ("KC202",)),
    _planted(
        "regressor",
        "dropout baked on",
        lambda: baked(lambda: layers.Dropout(0.3, name=NAME)),
        DEFAULT,
        ("KC202",),
    ),
    _planted(
        "transformer",
        "dropout baked on",
        lambda: baked(lambda: layers.Dropout(0.2, name=NAME)),
        DEFAULT,
        ("KC202",),
    ),
    _on("perceptron", _plain_norm, "batch norm", STATISTICS, ("KC101", "KC103")),
    _on("segmenter", _plain_norm, "batch norm", STATISTICS, ("KC101", "KC103")),
    _on("boxed-twice", _plain_norm, "batch norm", STATISTICS, ("KC101", "KC103")),
    _on("regressor", lambda: layers.Dropout(0.4), "dropout", RANDOM, ("KC203",)),
    _on("forecaster", lambda: layers.GaussianNoise(0.1), "gaussian noise", RANDOM, ("KC203",)),
    _on("two-heads", lambda: layers.GaussianDropout(0.2), "gaussian dropout in one head", RANDOM, ("KC203",)),
    _on(
        "perceptron",
        lambda: layers.SpectralNormalization(layers.Dense(9)),
        "spectral normalization",
        ("hidden-state",),
        ("KC203",),
    ),
    _on(
        "image-classifier",
        lambda: layers.SpatialDropout2D(0.3, seed=9),
        "seeded spatial dropout",
        RANDOM,
        ("KC203",),
    ),
    _built("augmented pictures", augmented, pictures(8, 8, 3), DEFAULT, NAME, "KC202"),
    _built(
        "augmentation as a model inside",
        augmented_inside,
        pictures(8, 8, 3),
        DEFAULT,
        f"augmentation/{NAME}",
        "KC202",
    ),
    _built("a crop at random", cropped, pictures(9, 9, 3), DEFAULT, NAME, "KC202"),
    Case(
        name="augmentation without chance",
        family=FAMILY,
        build=_same_contrast,
        data=pictures(8, 8, 3),
        quiet=("KC202",),
    ),
    Case(
        name="batch norm baked off", family=FAMILY, build=_baked_off, data=pictures(8, 8, 3), quiet=("KC202",)
    ),
    _built("random contrast", contrasted, pictures(9, 9, 3), DEFAULT, NAME, "KC202"),
    _built(
        "resized before a normalization",
        resized(lambda: layers.Resizing(7, 7)),
        pictures(9, 9, 3),
        DEFAULT,
        NAME,
        "KC202",
    ),
    _built(
        "cropped before a normalization",
        resized(lambda: layers.CenterCrop(7, 7)),
        pictures(9, 9, 3),
        DEFAULT,
        NAME,
        "KC202",
    ),
    Case(
        name="scaled before a normalization",
        family=FAMILY,
        build=resized(lambda: layers.Rescaling(2.0)),
        data=pictures(9, 9, 3),
        quiet=("KC202",),
    ),
    _built("noise by default", noisy_series, steps(6, 3), DEFAULT, NAME, "KC202", custom=True),
    _built(
        "call() without training", unaware, pictures(8, 8, 1), (*RANDOM, *DEFAULT), NAME, "KC203", custom=True
    ),
    _built("predict in percent", percent, flat(10), ("predict-overridden",), None, "KC201", custom=True),
    _planted(
        "autoencoder",
        "keras noise without a switch",
        lambda: Outside("keras", name=NAME),
        RANDOM,
        ("KC203",),
        custom=True,
    ),
    _planted(
        "residual",
        "numpy noise",
        lambda: Outside("numpy", name=NAME),
        HIDDEN,
        ("KC201", "KC203"),
        custom=True,
    ),
    _planted(
        "tagger",
        "python counter",
        lambda: Outside("counter", name=NAME),
        HIDDEN,
        ("KC201", "KC203"),
        custom=True,
    ),
    _planted(
        "shop", "clock", lambda: Outside("clock", name=NAME), ("clock-read",), ("KC201", "KC203"), custom=True
    ),
)
