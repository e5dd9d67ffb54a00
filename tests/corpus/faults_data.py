"""Planted faults of data and outputs: NaN that shows or hides, and outputs that are not one per row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case, Maker, flat, pictures, steps

__all__ = ["CASES"]

FAMILY = "data"
SWALLOWED = ("nan-hidden", "non-finite-input")
NOT_PER_ROW = ("outputs-not-per-sample",)


def pierced(make: Maker, rows: tuple[int, ...], value: float = float("nan")) -> Maker:
    """Return the same rows with one number of each named row replaced."""

    def pierce(random: np.random.Generator) -> np.ndarray:
        values = make(random)
        assert isinstance(values, np.ndarray)
        for row in rows:
            values[row].flat[row % values[row].size] = value
        return values

    return pierce


def rectified() -> Any:
    """Dense with a fused relu, which returns 0 for NaN in a graph."""
    return keras.Sequential(
        [
            keras.Input((9,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1),
        ]
    )


def rectified_pictures() -> Any:
    """Convolution with a fused relu."""
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((8, 8, 1)), *parts])


def pooled(*parts: Any) -> Callable[[], Any]:
    """Max pooling after a layer whose activation is not fused; the layers are copied."""

    def build() -> Any:
        copies = [type(part).from_config(part.get_config()) for part in parts]
        return keras.Sequential([keras.Input((8, 8, 2)), *copies, layers.Flatten(), layers.Dense(2)])

    return build


def pooled_series() -> Any:
    """Max pooling over time inside a nested model."""
    inner = keras.Sequential([keras.Input((12, 3)), layers.MaxPooling1D(name="pool")], name="encoder")
    parts = [inner, layers.Conv1D(5, 3, activation="tanh"), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((12, 3)), *parts])


def chosen() -> Any:
    """A model that returns the number of the greatest score."""
    rows = keras.Input((9,))
    return keras.Model(rows, ops.argmax(layers.Dense(4)(rows), axis=-1))


def honest() -> Any:
    """A model in which NaN stays NaN."""
    return keras.Sequential(
        [keras.Input((9,)), layers.Dense(16, activation="tanh"), layers.Dense(2, activation="softmax")]
    )


def linear() -> Any:
    """A linear model, which returns infinity or NaN for infinity."""
    return keras.Sequential([keras.Input((9,)), layers.Dense(10), layers.Dense(3)])


def logarithm() -> Any:
    """A logarithm of numbers, some of them negative."""
    rows = keras.Input((7,))
    return keras.Model(rows, layers.Dense(2)(ops.log(2.5 + layers.Dense(5)(rows))))


def broken_rectified() -> Any:
    """One weight is NaN, and a fused relu hides it from predict."""
    model = keras.Sequential(
        [keras.Input((7,)), layers.Dense(6, activation="relu", name="adjust"), layers.Dense(1)]
    )
    kernel, bias = model.layers[0].get_weights()
    kernel[2, 3] = np.nan
    model.layers[0].set_weights([kernel, bias])
    return model


def broken_weight() -> Any:
    """One weight is NaN."""
    model = keras.Sequential(
        [keras.Input((7,)), layers.Dense(6, activation="tanh", name="adjust"), layers.Dense(2)]
    )
    kernel, bias = model.layers[0].get_weights()
    kernel[2, 3] = np.nan
    model.layers[0].set_weights([kernel, bias])
    return model


def overflow() -> Any:
    """Exponentials beyond the range of float32."""
    rows = keras.Input((6,))
    return keras.Model(rows, ops.exp(60.0 * layers.Dense(2)(rows)))


def one_number() -> Any:
    """A sum over the whole batch: one number for any number of rows."""
    rows = keras.Input((8,))
    return keras.Model(rows, ops.sum(layers.Dense(1)(rows)))


def batch_average() -> Any:
    """An average over the batch that keeps its axis: one row a batch."""
    rows = keras.Input((8,))
    return keras.Model(rows, ops.mean(layers.Dense(3)(rows), axis=0, keepdims=True))


def flattened() -> Any:
    """Two outputs a row, concatenated: twice as many rows as in the input."""
    rows = keras.Input((8,))
    return keras.Model(rows, ops.reshape(layers.Dense(2)(rows), (-1,)))


def refolded() -> Any:
    """Six numbers a row reshaped into rows of four, which is impossible for a single row."""
    rows = keras.Input((8,))
    return keras.Model(rows, ops.reshape(layers.Dense(6)(rows), (-1, 4)))


def _case(
    name: str,
    build: Callable[[], Any],
    data: Maker,
    causes: tuple[str, ...],
    failing: tuple[str, ...],
    layer: str | None = None,
) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, causes=causes, failing=failing, layer=layer)


def _warned(name: str, build: Callable[[], Any], data: Maker, layer: str) -> Case:
    causes, warning = ("nan-hidden",), ("KC701",)
    return Case(name=name, family=FAMILY, build=build, data=data, causes=causes, warning=warning, layer=layer)


POOL, CONVOLUTION = layers.MaxPooling2D(name="pool"), layers.Conv2D(4, 3, activation="tanh")
PIXELS = pictures(8, 8, 2)

CASES: tuple[Case, ...] = (
    _case("NaN that a fused relu hides", rectified, pierced(flat(9), (3, 40)), SWALLOWED, ("KC201", "KC701")),
    _case(
        "NaN pixels behind a fused relu",
        rectified_pictures,
        pierced(pictures(8, 8, 1), (0, 17)),
        SWALLOWED,
        ("KC201", "KC701"),
    ),
    _warned("NaN pixels in max pooling", pooled(POOL, CONVOLUTION), pierced(PIXELS, (1, 30)), "pool"),
    _warned("NaN time steps in max pooling", pooled_series, pierced(steps(12, 3), (4, 9)), "encoder/pool"),
    _case("NaN before argmax", chosen, pierced(flat(9), (2,)), ("nan-hidden",), ("KC204",)),
    _case(
        "NaN pixels in a maximum over everything",
        pooled(CONVOLUTION, layers.GlobalMaxPooling2D()),
        pierced(PIXELS, (1, 30)),
        ("non-finite-input",),
        ("KC701",),
    ),
    Case(
        name="max pooling of finite pixels",
        family=FAMILY,
        build=pooled(POOL, CONVOLUTION),
        data=PIXELS,
    ),
    _case("NaN rows", honest, pierced(flat(9), (5, 6, 7)), ("non-finite-input",), ("KC701",)),
    _case("infinite rows", linear, pierced(flat(9), (12,), float("inf")), ("non-finite-input",), ("KC701",)),
    _case("logarithm of negatives", logarithm, flat(7), (), ("KC701",)),
    _case("a weight that is NaN", broken_weight, flat(7), (), ("KC701",), layer="adjust"),
    _case(
        "a weight that is NaN behind a relu",
        broken_rectified,
        flat(7),
        ("non-finite-output",),
        ("KC701",),
        layer="adjust",
    ),
    _case("overflow", overflow, flat(6), (), ("KC701",)),
    _case("one number a batch", one_number, flat(8), NOT_PER_ROW, ("KC101", "KC102")),
    _case("one row a batch", batch_average, flat(8), NOT_PER_ROW, ("KC101", "KC102")),
    _case("outputs laid end to end", flattened, flat(8), NOT_PER_ROW, ("KC101", "KC102")),
    _case("rows folded in another way", refolded, flat(8, rows=64), NOT_PER_ROW, ("KC102",)),
)
