"""Convolutions in 16-bit floats in front of a mean in float32: ways of calling round more or less often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker
from tests.corpus.custom_layers import SizeScaled

__all__ = ["CASES"]

FAMILY = "reports-narrow"
BATCHING = ("--select", "KC101,KC102,KC103,KC104,KC602")


def _rows(*shape: int) -> Maker:
    """Rows of numbers from 0 to 1, as of pictures."""
    return lambda random: random.uniform(size=(48, *shape)).astype(np.float32)


def pictures(policy: str, *tail: Any) -> Callable[[], Any]:
    """Return a builder of a convolution under a policy; its mean and the head are in float32."""

    def build() -> Any:
        convolution = layers.Conv2D(8, 3, dtype=policy)
        mean = layers.GlobalAveragePooling2D()
        head = layers.Dense(2, activation="softmax")
        return keras.Sequential([keras.Input((16, 16, 3)), convolution, mean, *tail, head])

    return build


def signals(policy: str) -> Callable[[], Any]:
    """Return a builder of two convolutions along time under a policy, and a mean in float32."""

    def build() -> Any:
        first, second = (layers.Conv1D(16, 5, activation="relu", dtype=policy) for _ in range(2))
        mean = layers.GlobalAveragePooling1D()
        return keras.Sequential([keras.Input((40, 4)), first, second, mean, layers.Dense(1)])

    return build


def depthwise() -> Any:
    """Separable convolutions and a normalization in mixed_float16, with a mean in float32."""
    x = keras.Input((16, 16, 3))
    h = layers.SeparableConv2D(12, 3, activation="relu", dtype="mixed_float16")(x)
    h = layers.BatchNormalization(dtype="mixed_float16")(h)
    h = layers.DepthwiseConv2D(3, dtype="mixed_float16")(h)
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(h)))


CASES: tuple[Case, ...] = (
    Case(
        name="a convolution of pictures under mixed_float16, a mean in float32",
        family=FAMILY,
        build=pictures("mixed_float16"),
        data=_rows(16, 16, 3),
    ),
    Case(
        name="a convolution of pictures under mixed_bfloat16, a mean in float32",
        family=FAMILY,
        build=pictures("mixed_bfloat16"),
        data=_rows(16, 16, 3),
    ),
    Case(
        name="two convolutions along time under mixed_float16, a mean in float32",
        family=FAMILY,
        build=signals("mixed_float16"),
        data=_rows(40, 4),
    ),
    Case(
        name="separable convolutions under mixed_float16, a mean in float32",
        family=FAMILY,
        build=depthwise,
        data=_rows(16, 16, 3),
    ),
    Case(
        name="a convolution under mixed_float16, and a factor that depends on the batch size",
        family=FAMILY,
        build=pictures("mixed_float16", SizeScaled(1e-6, name="share_out")),
        data=_rows(16, 16, 3),
        args=(*CUSTOM, *BATCHING),
        causes=("batch-size-dependence",),
        failing=("KC101", "KC102"),
    ),
)
"""The last is faulty: float64 shows a difference that 16-bit floats hide."""
