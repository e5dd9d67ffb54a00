"""Reports about dtype policies below float32 that fit the weights and not the counting in one layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, Rows
from tests.corpus.reports_coarse_layers import Rotated, Waves

__all__ = ["CASES"]

FAMILY = "reports-coarse"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_coarse_layers.py")))
CLOCK, TURNED = "clock", "turned"
DAY = 86400.0
QUIET = ("KC101", "KC102", "KC201", "KC602", "KC603")


def _on_shape(wave: Any, policy: str) -> tuple[Any, Any]:
    """Gates for the channels of a picture, from the time at which it was taken."""
    picture = keras.Input((12, 12, 3), name="picture")
    seen = layers.Conv2D(12, 3, activation="relu", dtype=policy)(picture)
    gates = layers.Reshape((1, 1, 12), dtype=policy)(layers.Dense(12, dtype=policy)(wave))
    gated = layers.Multiply(dtype=policy)([seen, gates])
    return picture, layers.GlobalAveragePooling2D(dtype=policy)(gated)


def gated(policy: str, own: str) -> Callable[[], Any]:
    """Return a builder of a model of pictures and the second of the day, whose clock has its own policy."""

    def build() -> Any:
        second = keras.Input((1,), name="second")
        wave = Waves(DAY, 24, dtype=own, name=CLOCK)(second)
        picture, h = _on_shape(layers.Dense(24, activation="silu", dtype=policy)(wave), policy)
        return keras.Model([picture, second], layers.Dense(2, dtype="float32")(h))

    return build


def in_minutes(policy: str, own: str) -> Callable[[], Any]:
    """Return a builder of a table with a clock whose seconds are turned into minutes by a layer before it."""

    def build() -> Any:
        second, table = keras.Input((1,), name="second"), keras.Input((5,), name="table")
        minute = layers.Rescaling(1 / 60, dtype=own, name="minutes")(second)
        wave = Waves(DAY / 60, 48, dtype=own, name=CLOCK)(minute)
        h = layers.Concatenate(dtype=policy)([layers.Dense(8, activation="tanh", dtype=policy)(table), wave])
        h = layers.Dense(16, activation="relu", dtype=policy)(h)
        return keras.Model([second, table], layers.Dense(1, dtype="float32")(h))

    return build


def rotated(policy: str, own: str) -> Callable[[], Any]:
    """Return a builder of a model of long sequences that are turned by their positions."""

    def build() -> Any:
        x = keras.Input((700, 4))
        h = layers.Dense(8, dtype=policy)(x)
        h = layers.Dense(8, activation="relu", dtype=policy)(Rotated(dtype=own, name=TURNED)(h))
        return keras.Model(x, layers.Dense(3, dtype="float32")(h))

    return build


def _seconds(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, int(DAY), (64, 1)).astype("float32")


def photos(random: np.random.Generator) -> Rows:
    """Pictures and the second of the day."""
    return {"picture": random.random((64, 12, 12, 3), "float32"), "second": _seconds(random)}


def tables(random: np.random.Generator) -> Rows:
    """Columns and the second of the day."""
    return {"second": _seconds(random), "table": random.normal(size=(64, 5)).astype("float32")}


def drifts(random: np.random.Generator) -> Rows:
    """Long sequences that change slowly."""
    return random.normal(size=(48, 1, 4)).repeat(700, 1).astype("float32")


_MODELS: tuple[tuple[str, Callable[[str, str], Callable[[], Any]], Maker, str], ...] = (
    ("a clock of pictures", gated, photos, CLOCK),
    ("a clock of minutes", in_minutes, tables, CLOCK),
    ("turned by position", rotated, drifts, TURNED),
)


def _case(name: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, args=OBJECTS, **expected)


CASES: tuple[Case, ...] = tuple(
    each
    for name, build, data, layer in _MODELS
    for each in (
        _case(
            f"{name} under mixed_bfloat16",
            build("mixed_bfloat16", "mixed_bfloat16"),
            data,
            causes=("low-precision",),
            layer=layer,
            warning=("KC603",),
        ),
        _case(f"{name} in float32", build("mixed_bfloat16", "float32"), data, quiet=QUIET),
    )
)
