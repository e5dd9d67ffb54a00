"""Numbers that leave the range of float16 inside a layer or by combined constants, and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import Case
from tests.corpus.reports_overflow_layers import OWN, Elementwise, Masked

__all__ = ["CASES", "lengths_in_graph"]

FAMILY = "reports-overflow"
POLICY = "mixed_float16"
QUIET = ("KC201", "KC204", "KC602", "KC603", "KC701")


def sized(*middle: Any) -> Callable[[], Any]:
    """Return a builder of a mixed precision regressor with these layers on its inputs."""

    def build() -> Any:
        x = keras.Input((16,))
        h = x
        for layer in middle:
            h = layer()(h)
        h = layers.Dense(12, activation="tanh", dtype=POLICY)(h)
        return keras.Model(x, layers.Dense(3, dtype="float32")(h))

    return build


def own(how: str, dtype: str = POLICY, name: str = "adjust") -> Callable[[], Any]:
    """Return a builder of a custom layer."""
    return lambda: Elementwise(how, name=name, dtype=dtype)


def dense(scale: float = 1.0) -> Any:
    """Weights of this size."""
    start = keras.initializers.RandomNormal(stddev=0.25 * scale, seed=3)
    return layers.Dense(16, kernel_initializer=start, dtype=POLICY)


def lengths_in_graph(dtype: str) -> Callable[[], Any]:
    """Return a builder of vectors of unit length, in operations of the graph that compute in this dtype."""

    def build() -> Any:
        x = keras.Input((16,))
        h = ops.cast(layers.Dense(16, dtype=POLICY)(x), dtype)
        h = ops.divide(h, ops.sqrt(ops.sum(ops.square(h), axis=-1, keepdims=True)) + 1e-3)
        return keras.Model(x, layers.Dense(3, dtype="float32")(h))

    return build


def attending(factors: tuple[float, ...], dtype: str) -> Callable[[], Any]:
    """Return a builder of attention with a mask of these factors."""

    def build() -> Any:
        x, real = keras.Input((6, 8), name="steps"), keras.Input((6,), name="real")
        h = Masked(factors, name="attend", dtype=dtype)(layers.Dense(8, dtype=dtype)(x), real)
        return keras.Model([x, real], layers.Dense(2, dtype="float32")(layers.Flatten()(h)))

    return build


def spread(size: float, width: float) -> Callable[[np.random.Generator], np.ndarray]:
    """Rows of very different sizes."""
    return lambda random: (
        random.normal(size=(60, 16)) * size * random.lognormal(0, width, size=(60, 1))
    ).astype("float32")


def padded(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Time steps, and which of them are no padding."""
    steps = random.normal(size=(60, 6, 8)).astype("float32")
    return {"steps": steps, "real": (np.arange(6) < random.integers(2, 7, size=(60, 1))).astype("float32")}


LARGE, SMALL = spread(60, 1), spread(5, 0.2)


def _wrong(name: str, build: Callable[[], Any], data: Any, *causes: str, **expected: Any) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=data,
        args=OWN,
        causes=causes,
        failing=("KC701",),
        **expected,
    )


def _clean(name: str, build: Callable[[], Any], data: Any, **expected: Any) -> Case:
    return Case(
        name=name, family=f"clean-{FAMILY}", build=build, data=data, args=OWN, quiet=QUIET, **expected
    )


HIDDEN, COMBINED = "overflow-in-float16", "constants-combined"

CASES: tuple[Case, ...] = (
    _wrong("root mean square in float16", sized(own("root mean square")), LARGE, HIDDEN, layer="adjust"),
    _wrong("standardised by row in float16", sized(own("standardised")), LARGE, HIDDEN, layer="adjust"),
    _wrong(
        "unit length in float16",
        sized(lambda: layers.UnitNormalization(name="unit", dtype=POLICY)),
        LARGE,
        HIDDEN,
        layer="unit",
    ),
    _wrong(
        "a second layer overflows in float16",
        sized(own("root mean square", "float32", "first"), lambda: dense(2000.0), own("length")),
        SMALL,
        HIDDEN,
        layer="adjust",
    ),
    _wrong("length in float16, in the graph", lengths_in_graph("float16"), LARGE, HIDDEN),
    _clean("length in float32, in the graph", lengths_in_graph("float32"), LARGE),
    _clean("root mean square in float32", sized(own("root mean square", "float32")), LARGE),
    _clean("root mean square of small rows", sized(own("root mean square")), SMALL),
    _clean("layer normalization under mixed precision", sized(layers.LayerNormalization), LARGE),
    _clean(
        "logistic function that overflows rightly",
        sized(dense, own("logistic")),
        spread(20, 0.1),
        warning=("KC205",),
    ),
    _clean("bell that is zero far away", sized(own("bell")), LARGE),
    _clean("cube that tanh saturates", sized(own("tanh of a cube")), spread(20, 0.1)),
    _wrong(
        "mask of two constants in float16",
        attending((30_000.0, -30.0), POLICY),
        padded,
        COMBINED,
        layer="attend",
    ),
    _wrong(
        "mask of two constants in float32",
        attending((1e25, -1e20), "float32"),
        padded,
        COMBINED,
        layer="attend",
    ),
    _clean("mask of one constant in float16", attending((-30_000.0,), POLICY), padded),
    _clean("mask that is infinite in float16", attending((-1e4, 10.0), "float32"), padded),
    _clean("mask of two small constants in float16", attending((-100.0, 300.0), POLICY), padded),
)
