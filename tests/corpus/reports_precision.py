"""Reports about rounding and low precision: healthy deep and wide models, equal rows, float16, saturation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import CUSTOM, Case, Maker, flat, steps
from tests.corpus.custom_layers import SizeScaled

__all__ = ["CASES"]

FAMILY = "reports-precision"
QUIET = ("KC101", "KC102", "KC104", "KC201", "KC204", "KC401", "KC602", "KC603")
BATCHING = ("--select", "KC101,KC102,KC103,KC104,KC602")
"""Checks that rounding by batch size concerns; deep models take long for all checks."""
NORM = "scale_columns"


def _case(name: str, build: Callable[[], Any], data: Maker | None, **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, **expected)


# Deep and wide: rounding that is amplified, and faults of that size.


def residual(depth: int, width: int, *tail: Any) -> Callable[[], Any]:
    """Return a builder of dense blocks, each added to its normalised input."""

    def build() -> Any:
        x = keras.Input((20,))
        h = layers.Dense(width)(x)
        for _ in range(depth):
            h = layers.Add()([h, layers.Dense(width, activation="relu")(layers.LayerNormalization()(h))])
        for layer in tail:
            h = layer(h)
        return keras.Model(x, layers.Dense(3)(h))

    return build


def wide(width: int) -> Any:
    """Long sums, which kernels for one row and for many add in different orders."""
    hidden = [layers.Dense(width, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((32,)), *hidden, layers.Dense(2)])


def attentive() -> Any:
    """Six blocks of attention."""
    x = keras.Input((10, 6))
    h = layers.Dense(32)(x)
    for _ in range(6):
        n = layers.LayerNormalization()(h)
        h = layers.Add()([h, layers.MultiHeadAttention(4, 8)(n, n)])
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(h)))


def equal(value: float, features: int, rows: int = 20) -> Maker:
    """Rows that are all the same."""
    return lambda _random: np.full((rows, features), value, "float32")


def small() -> Any:
    """A perceptron with biases."""
    bias = keras.initializers.RandomNormal(stddev=0.3)
    hidden = [layers.Dense(64, activation="relu", bias_initializer=bias) for _ in range(2)]
    return keras.Sequential([keras.Input((10,)), *hidden, layers.Dense(1, bias_initializer=bias)])


# Dtype policies below float32.


def normalised(policy: str, rows: Callable[[], np.ndarray], own: str | None = None) -> Callable[[], Any]:
    """Return a builder of a classifier under a policy, with a Normalization adapted to these rows.

    Args:
        policy: the policy of every layer but the last.
        rows: the rows of training.
        own: the policy of the Normalization, if it is a different one.
    """

    def build() -> Any:
        values = rows()
        norm = layers.Normalization(name=NORM, dtype=own or policy)
        norm.adapt(values)
        hidden = layers.Dense(16, activation="relu", dtype=policy)
        last = layers.Dense(1, activation="sigmoid", dtype="float32")
        return keras.Sequential([keras.Input((values.shape[1],), dtype="float32"), norm, hidden, last])

    return build


def columns(means: tuple[float, ...], spreads: tuple[float, ...]) -> Callable[[], np.ndarray]:
    """Return a function that draws the same 220 rows each time."""
    random = np.random.default_rng
    return lambda: random(8).normal(means, spreads, (220, len(means))).astype("float32")


ORDINARY = columns((40.1, 3.3, 0.52), (9.0, 1.7, 0.2))
UNIX_DAYS = columns((20300.0, 3.3, 0.52), (12.0, 1.7, 0.2))
PRESSURE = columns((1013.0, 5.0), (2.0, 1.0))
SALES = columns((5000.0, 12.0, 0.3), (800.0, 4.0, 0.1))
INCOMES = columns((60000.0, 45.0), (9000.0, 12.0))


def _policy(
    name: str, policy: str, rows: Callable[[], np.ndarray], own: str | None = None, **expected: Any
) -> Case:
    return _case(name, normalised(policy, rows, own), lambda _random: rows(), **expected)


# Generated rows.


def no_files(_folder: Path, _random: np.random.Generator) -> tuple[str, ...]:
    """No rows are given: kcheck generates them."""
    return ()


def add_mean(features: Any) -> Any:
    """Add a hundredth of the batch mean."""
    return features + 0.01 * ops.mean(features, axis=0, keepdims=True)


def cardiogram(activation: str, gain: float, *middle: Any) -> Callable[[], Any]:
    """Return a builder of a convolutional network whose weights have this gain."""

    def build() -> Any:
        kernel = keras.initializers.VarianceScaling(gain, seed=4)
        h = x = keras.Input((200, 8))
        for width in (16, 24):
            h = layers.MaxPooling1D(2)(
                layers.Conv1D(width, 7, activation="relu", kernel_initializer=kernel)(h)
            )
        h = layers.Flatten()(h)
        for layer in middle:
            h = layer(h)
        return keras.Model(x, layers.Dense(5, activation=activation, kernel_initializer=kernel)(h))

    return build


CASES: tuple[Case, ...] = (
    _case("a hundred normalised blocks", residual(100, 32), flat(20, rows=48), quiet=QUIET, args=BATCHING),
    _case("three layers of a thousand", lambda: wide(1000), flat(32, rows=48), quiet=QUIET),
    _case("six blocks of attention", attentive, steps(10, 6, rows=48), quiet=QUIET),
    *(
        _case(
            f"a factor that depends on the batch size by {share:g}, {depth} blocks",
            residual(depth, 32, SizeScaled(share, name="share_out")),
            flat(20, rows=48),
            args=(*CUSTOM, *BATCHING),
            causes=("batch-size-dependence",),
            failing=("KC101", "KC102"),
        )
        for depth, share in ((40, 1e-6), (12, 1e-7))
    ),
    _case("twenty rows of zeros", small, equal(0.0, 10), quiet=QUIET),
    _case("twenty rows of a tenth", small, equal(0.1, 10), quiet=QUIET),
    *(
        _policy(f"ordinary columns under {policy}", policy, ORDINARY, quiet=QUIET)
        for policy in ("mixed_float16", "mixed_bfloat16")
    ),
    _policy("days since 1970 in float32", "mixed_float16", UNIX_DAYS, own="float32", quiet=QUIET),
    _policy(
        "days since 1970 under mixed_float16",
        "mixed_float16",
        UNIX_DAYS,
        causes=("low-precision",),
        layer=NORM,
        warning=("KC603",),
    ),
    _policy(
        "air pressure under mixed_bfloat16",
        "mixed_bfloat16",
        PRESSURE,
        causes=("low-precision",),
        layer=NORM,
        warning=("KC603",),
    ),
    _policy(
        "incomes beyond 65,504 under mixed_float16",
        "mixed_float16",
        INCOMES,
        causes=("overflow-in-float16",),
        layer=NORM,
        failing=("KC701",),
    ),
    _policy(
        "sales of thousands under mixed_float16",
        "mixed_float16",
        SALES,
        causes=("overflow-in-float16",),
        layer=NORM,
        failing=("KC401",),
    ),
    _policy("sales of thousands but for the scaling", "mixed_float16", SALES, "float32", quiet=QUIET),
    _policy("sales of thousands under mixed_bfloat16", "mixed_bfloat16", SALES, quiet=("KC101", "KC401")),
    _policy(
        "incomes under mixed_bfloat16 but for the scaling", "mixed_bfloat16", INCOMES, "float32", quiet=QUIET
    ),
    _case(
        "generated rows that saturate a sigmoid", cardiogram("sigmoid", 80.0), None, kit=no_files, quiet=QUIET
    ),
    _case(
        "generated rows that saturate a softmax", cardiogram("softmax", 80.0), None, kit=no_files, quiet=QUIET
    ),
    _case(
        "a leak behind a saturated softmax",
        cardiogram("softmax", 80.0, add_mean),
        None,
        kit=no_files,
        causes=("cross-sample-dependence",),
        failing=("KC103",),
    ),
)
