"""Planted faults that Keras refuses: rows of a different shape than the model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, Maker

__all__ = ["CASES"]

FAMILY = "refused shapes"


def normal(*shape: int) -> Maker:
    """Rows of this shape, the number of rows first."""
    return lambda random: random.normal(size=shape).astype("float32")


def functional(shape: tuple[int | None, ...], *parts: Any) -> Callable[[], Any]:
    """Return a builder of a Functional model, which compares rows with its input."""

    def build() -> Any:
        tensor = entry = keras.Input(shape)
        for part in parts:
            tensor = type(part).from_config(part.get_config())(tensor)
        return keras.Model(entry, tensor)

    return build


def _case(name: str, build: Callable[[], Any], data: Maker, cause: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, causes=(cause,), failing=("KC501",))


HEAD = layers.Dense(2)
VISION = (layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), HEAD)
SERIES = (layers.LSTM(6), HEAD)
ATTENTION = (layers.Conv1D(8, 3, padding="causal"), layers.GlobalMaxPooling1D(), HEAD)

CASES = (
    _case(
        "a column too many",
        functional((8,), layers.Dense(5, activation="relu"), HEAD),
        normal(40, 9),
        "wrong-features",
    ),
    _case(
        "a column too few for a Sequential",
        lambda: keras.Sequential([keras.Input((8,)), layers.Dense(1)]),
        normal(40, 7),
        "wrong-features",
    ),
    _case("a feature too few along time", functional((20, 5), *SERIES), normal(40, 20, 4), "wrong-features"),
    _case("channels first", functional((16, 16, 3), *VISION), normal(24, 3, 16, 16), "axes-swapped"),
    _case("features before time", functional((20, 5), *SERIES), normal(40, 5, 20), "axes-swapped"),
    _case(
        "features before time of any length",
        functional((None, 5), *ATTENTION),
        normal(40, 5, 20),
        "axes-swapped",
    ),
    _case(
        "one image without its batch axis", functional((16, 16, 3), *VISION), normal(16, 16, 3), "wrong-rank"
    ),
    _case("one row without its batch axis", functional((8,), layers.Dense(1)), normal(8), "wrong-rank"),
    _case("one step where a window was meant", functional((20, 5), *SERIES), normal(40, 5), "wrong-rank"),
    _case("images flattened", functional((8, 8, 1), *VISION), normal(24, 64), "wrong-rank"),
    _case("a window cut short", functional((20, 5), *SERIES), normal(40, 19, 5), "wrong-length"),
    _case(
        "images of another size",
        functional((16, 16, 3), layers.Flatten(), HEAD),
        normal(24, 12, 12, 3),
        "wrong-length",
    ),
)
