"""Models that compute with integers of few bits, which wrap around, and healthy twins that cast before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case

__all__ = ["CASES", "brightened", "clock", "loudness", "motion"]

Array = np.ndarray
FAMILY = "reports-integers"


def motion(dtype: str) -> Callable[[], Any]:
    """Return a builder of a classifier of the differences between video frames, computed in this dtype."""

    def build() -> Any:
        frames = keras.Input((5, 8, 8, 1), dtype="uint8", name="frames")
        wide = frames if dtype == "uint8" else ops.cast(frames, dtype)
        changes = ops.subtract(wide[:, 1:], wide[:, :-1])
        seen = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))(
            layers.Rescaling(1 / 64)(ops.cast(changes, "float32"))
        )
        return keras.Model(frames, layers.Dense(2, activation="softmax")(layers.Flatten()(seen)))

    return build


def loudness(dtype: str) -> Callable[[], Any]:
    """Return a builder of a regressor on the energy of sounds of 16 bits, computed in this dtype."""

    def build() -> Any:
        sound = keras.Input((64,), dtype="int16", name="sound")
        energy = ops.square(ops.cast(sound, dtype))
        windows = ops.mean(ops.reshape(ops.cast(energy, "float32"), (-1, 8, 8)), axis=-1)
        return keras.Model(sound, layers.Dense(1)(layers.Dense(6, activation="tanh")(windows / 1e6)))

    return build


def brightened(dtype: str) -> Callable[[], Any]:
    """Return a builder of a classifier of images that it makes twice as bright, in this dtype."""

    def build() -> Any:
        images = keras.Input((10, 10, 3), dtype="uint8", name="images")
        twice = ops.multiply(ops.cast(images, dtype), 2)
        light = ops.minimum(ops.cast(twice, "float32"), 255.0)
        seen = layers.GlobalAveragePooling2D()(
            layers.Conv2D(6, 3, activation="relu")(layers.Rescaling(1 / 255)(light))
        )
        return keras.Model(images, layers.Dense(3, activation="softmax")(seen))

    return build


def clock(dtype: str) -> Callable[[], Any]:
    """Return a builder of a regressor on the hour of a time, which its input takes in this dtype."""

    def build() -> Any:
        times = keras.Input((1,), dtype=dtype, name="time")
        hour = ops.cast(ops.mod(ops.floor_divide(times, 3_600_000), 24), "float32")
        return keras.Model(times, layers.Dense(1)(layers.Dense(8, activation="tanh")(hour / 12 - 1)))

    return build


def hues() -> Any:
    """A regressor on hues that it turns: an angle in 256 steps goes on from 255 to 0."""
    images = keras.Input((10, 10, 3), dtype="uint8", name="images")
    angle = ops.cast(ops.add(images, 100), "float32") * (2 * np.pi / 256)
    seen = layers.Flatten()(layers.Concatenate()([ops.sin(angle), ops.cos(angle)]))
    return keras.Model(images, layers.Dense(2)(seen))


def videos(random: np.random.Generator) -> Array:
    """Frames of bytes in which most pixels become a little lighter or darker."""
    first = random.integers(40, 200, size=(40, 1, 8, 8, 1))
    return np.cumsum(
        np.concatenate([first, random.integers(-6, 7, (40, 4, 8, 8, 1))], axis=1), axis=1
    ).astype("uint8")


def sounds(random: np.random.Generator) -> Array:
    """Loud sounds of 16 bits."""
    return (random.normal(size=(50, 64)) * random.uniform(500, 6000, (50, 1))).astype("int16")


def photos(random: np.random.Generator) -> Array:
    """Images of bytes."""
    return random.integers(0, 256, size=(40, 10, 10, 3)).astype("uint8")


def dim(random: np.random.Generator) -> Array:
    """Images of bytes that are half as bright at most."""
    return random.integers(0, 128, size=(40, 10, 10, 3)).astype("uint8")


def times(random: np.random.Generator) -> Array:
    """Milliseconds since 1970, over a year."""
    return 1_764_547_200_000 + random.integers(0, 365 * 86_400_000, size=(60, 1))


def _faulty(name: str, build: Callable[[], Any], data: Any, layer: str | None) -> Case:
    expected = {"causes": ("integer-overflow",), "failing": ("KC704",), "layer": layer}
    return Case(name=name, family=FAMILY, build=build, data=data, **expected)


def _healthy(name: str, build: Callable[[], Any], data: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, quiet=("KC704",))


CASES: tuple[Case, ...] = (
    _faulty("frames of bytes, subtracted", motion("uint8"), videos, "subtract"),
    _healthy("frames of bytes, subtracted in 16 bits", motion("int16"), videos),
    _healthy("frames of bytes, subtracted as floats", motion("float32"), videos),
    _faulty("energy of a sound in 16 bits", loudness("int16"), sounds, "square"),
    _healthy("energy of a sound in 32 bits", loudness("int32"), sounds),
    _healthy("energy of a sound as floats", loudness("float32"), sounds),
    _faulty("bytes made twice as bright", brightened("uint8"), photos, "multiply"),
    _healthy("floats made twice as bright", brightened("float32"), photos),
    _healthy("dark bytes made twice as bright", brightened("uint8"), dim),
    _healthy("hues of bytes that go round", hues, photos),
    _faulty("milliseconds in 32 bits", clock("int32"), times, None),
    _healthy("milliseconds in 64 bits", clock("int64"), times),
)
