"""Models that normalise or rescale their inputs; each may be damaged after fitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Rows
from tests.corpus.custom_layers import Unrefreshed
from tests.corpus.worlds import Array, people, settle, walks, weather

__all__ = [
    "PEOPLE",
    "WALKS",
    "WEATHER",
    "adapted_on",
    "branches",
    "branches_rows",
    "dense",
    "drawn",
    "forgetful",
    "inner",
    "pixels",
    "plain_pictures",
    "rescaling_pictures",
    "series",
    "unadapted",
]

Damage = Callable[[Any, Array], None]
"""Changes a Normalization layer, given the rows it was adapted on."""


def drawn(table: Callable[[np.random.Generator, int], Array], rows: int = 400, seed: int = 8) -> Array:
    """Return float32 rows of a table; the same ones for the same seed."""
    return table(np.random.default_rng(seed), rows).astype("float32")


def unadapted(layer: Any, rows: Array) -> None:
    """Reset the layer to its state before adapt(): mean 0, variance 1."""
    _set(layer, np.zeros(rows.shape[-1]), np.ones(rows.shape[-1]))


def adapted_on(count: int) -> Damage:
    """Adapt the layer on the first few rows only."""
    return lambda layer, rows: _set(layer, *_moments(rows[:count]))


def _moments(rows: Array) -> tuple[Array, Array]:
    flat = rows.reshape(-1, rows.shape[-1]).astype("float64")
    return flat.mean(0), flat.var(0)


def _set(layer: Any, mean: Array, variance: Array) -> None:
    layer.adapt_mean.assign(mean)
    layer.adapt_variance.assign(variance)
    layer.finalize_state()


def _normalization(rows: Array, name: str = "normalise", kind: Any = layers.Normalization) -> Any:
    layer = kind(name=name)
    layer.build((None, *rows.shape[1:]))
    _set(layer, *_moments(rows))
    return layer


def dense(rows: Array, damage: Damage | None = None, *, again: bool = False) -> Any:
    """Normalization, two hidden layers, a number; `again` uses the same Normalization twice."""
    norm = _normalization(rows)
    more = [_normalization(rows, "normalise_again")] if again else []
    parts = [
        layers.Dense(32, activation="tanh"),
        layers.Dense(32, activation="tanh"),
        layers.Dense(1, name="head"),
    ]
    model = settle(keras.Sequential([keras.Input(rows.shape[1:]), norm, *parts]), rows)
    _damage(norm, rows, damage)
    return keras.Sequential([keras.Input(rows.shape[1:]), norm, *more, *parts]) if again else model


def forgetful(rows: Array) -> Any:
    """A subclass of Normalization that does not use the statistics it loads."""
    parts = [layers.Dense(32, activation="tanh"), layers.Dense(2, name="head")]
    return settle(
        keras.Sequential([keras.Input(rows.shape[1:]), _normalization(rows, kind=Unrefreshed), *parts]), rows
    )


def inner(rows: Array, damage: Damage | None = None) -> Any:
    """Normalization within a separate preprocessing model."""
    norm, raw, features = _normalization(rows), keras.Input(rows.shape[1:]), keras.Input(rows.shape[1:])
    before = keras.Model(features, norm(features), name="before")
    hidden = layers.Dense(40, activation="elu")(before(raw))
    model = settle(keras.Model(raw, layers.Dense(3, activation="softmax", name="head")(hidden)), rows)
    _damage(norm, rows, damage)
    return model


def series(rows: Array, damage: Damage | None = None) -> Any:
    """Normalization per feature before a GRU."""
    norm = _normalization(rows)
    parts = [layers.GRU(20), layers.Dense(1, name="head")]
    model = settle(keras.Sequential([keras.Input(rows.shape[1:]), norm, *parts]), rows)
    _damage(norm, rows, damage)
    return model


def branches_rows(seed: int = 8, rows: int = 400) -> dict[str, Array]:
    """Rows for `branches`: people and walks."""
    return {"person": drawn(people, rows, seed), "trace": drawn(walks, rows, seed + 1)}


def branches(damage: Damage | None = None) -> Any:
    """Two inputs, each with its own Normalization; the second one is damaged."""
    rows = branches_rows()
    person, trace = (keras.Input(values.shape[1:], name=name) for name, values in rows.items())
    norms = [_normalization(rows["person"], "normalise_person"), _normalization(rows["trace"])]
    joined = layers.Concatenate()(
        [layers.Dense(16, activation="tanh")(norms[0](person)), layers.LSTM(12)(norms[1](trace))]
    )
    hidden = layers.Dense(32, activation="tanh")(joined)
    model = settle(
        keras.Model({"person": person, "trace": trace}, layers.Dense(1, name="head")(hidden)), rows
    )
    _damage(norms[1], rows["trace"], damage)
    return model


def _damage(layer: Any, rows: Array, damage: Damage | None) -> None:
    if damage is not None:
        damage(layer, rows)


def pixels(rows: int = 300, seed: int = 8, *, brightest: int = 255) -> Array:
    """Pictures with a bright spot somewhere, whole numbers from 0; (rows, 8, 8, 3) uint8."""
    random = np.random.default_rng(seed)
    grid, spot = np.indices((8, 8)), random.uniform(0, 8, size=(2, rows, 1, 1))
    glow = np.exp(-((grid[0] - spot[0]) ** 2 + (grid[1] - spot[1]) ** 2) / 8)[..., None] * random.uniform(
        0.4, 1, size=(rows, 1, 1, 3)
    )
    bright: Array = np.clip(glow + 0.1 * random.random((rows, 8, 8, 3)), 0, 1) * brightest
    return np.round(bright).astype("uint8")


def _eyes() -> list[Any]:
    return [
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax", name="head"),
    ]


def rescaling_pictures(
    scale: float = 1 / 255, offset: float = 0.0, *, seen: Rows | None = None, again: bool = False
) -> Any:
    """Rescaling and a small convolution; `again` rescales twice although trained with one."""
    rows, parts = pixels().astype("float32") if seen is None else seen, _eyes()
    shape = (8, 8, 3)
    first = layers.Rescaling(scale, offset, name="rescale")
    model = settle(keras.Sequential([keras.Input(shape), first, *parts]), rows)
    return (
        keras.Sequential(
            [keras.Input(shape), first, layers.Rescaling(scale, offset, name="rescale_again"), *parts]
        )
        if again
        else model
    )


def plain_pictures(divisor: float = 255.0) -> Any:
    """A small convolution that takes pixels that are already divided."""
    return settle(keras.Sequential([keras.Input((8, 8, 3)), *_eyes()]), pixels().astype("float32") / divisor)


WEATHER, PEOPLE, WALKS = (drawn(table) for table in (weather, people, walks))
"""The rows that the models of these cases were adapted and fitted on."""
