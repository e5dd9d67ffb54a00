"""Clean models that round badly: large differences by rounding, which are not faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import CUSTOM, Case, Maker, Rows, flat, steps
from tests.corpus.custom_layers import Boxes, Checked, Mapped

__all__ = ["CASES", "mapped"]

FAMILY = "clean-hard"


@contextmanager
def _policy(name: str) -> Iterator[None]:
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def offset(shift: float, features: int, rows: int = 64) -> Maker:
    """Rows around `shift` with a spread of 1."""
    return lambda random: (shift + random.normal(size=(rows, features))).astype("float32")


def cancelling() -> Any:
    """Weights that sum to zero: inputs far from zero cancel."""
    model = keras.Sequential([keras.Input((64,)), layers.Dense(1)])
    kernel = np.random.default_rng(11).normal(size=(64, 1))
    model.layers[0].set_weights([(kernel - kernel.mean()).astype("float32"), np.zeros(1, "float32")])
    return model


def near_zero() -> Any:
    """Outputs around 1e-9."""
    hidden = [
        layers.Dense(20, activation="tanh"),
        layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-9)),
    ]
    return keras.Sequential([keras.Input((15,)), *hidden])


def deep() -> Any:
    """Sixty layers with BatchNormalization between them."""
    blocks = [
        part for _ in range(30) for part in (layers.Dense(24, activation="relu"), layers.BatchNormalization())
    ]
    return keras.Sequential([keras.Input((24,)), *blocks, layers.Dense(3)])


def hundred() -> Any:
    """A hundred layers without anything between them."""
    return keras.Sequential(
        [keras.Input((24,)), *[layers.Dense(24, activation="tanh") for _ in range(100)], layers.Dense(1)]
    )


def detector() -> Any:
    """Ends with an operation that has no gradient, and no kernel for 16 bits."""
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(4), Boxes()])


def checked() -> Any:
    """Raises an error instead of returning outputs for NaN."""
    return keras.Sequential(
        [keras.Input((6,)), Checked(), layers.Dense(8, activation="relu"), layers.Dense(2)]
    )


def mapped(vectorized: bool) -> Any:
    """Works row by row in a map."""
    return keras.Sequential([keras.Input((6,)), layers.Dense(5), Mapped(vectorized), layers.Dense(2)])


def sharp_norm() -> Any:
    """BatchNormalization of tiny values, which amplifies their absolute rounding thirty times a layer."""
    model = keras.Sequential(
        [
            keras.Input((32,)),
            *[part for _ in range(4) for part in (layers.Dense(32), layers.BatchNormalization())],
        ]
    )
    for dense, norm in zip(model.layers[::2], model.layers[1::2], strict=True):
        dense.kernel.assign(dense.kernel * np.sqrt(1e-3))
        norm.moving_variance.assign(np.full(32, 1e-3))
        norm.momentum = 1.0
    return model


def gelu_norm() -> Any:
    """gelu and LayerNormalization, whose kernels round differently from 32 rows on."""
    parts = [
        part for _ in range(3) for part in (layers.Dense(64, activation="gelu"), layers.LayerNormalization())
    ]
    return keras.Sequential([keras.Input((33,)), *parts, layers.Dense(5)])


def tied() -> Any:
    """Two classes whose logits agree to about 1e-6."""
    model = keras.Sequential([keras.Input((128,)), layers.Dense(6, activation="softmax")])
    random = np.random.default_rng(12)
    kernel = random.normal(size=(128, 6)) * 0.05
    kernel[:, 1] = kernel[:, 0] + 1e-7 * random.normal(size=128)
    model.layers[0].set_weights([kernel.astype("float32"), np.zeros(6, "float32")])
    return model


def huge_logits() -> Any:
    """Logits around 1e4 into a softmax."""
    model = keras.Sequential([keras.Input((96,)), layers.Dense(5, activation="softmax")])
    kernel = np.random.default_rng(13).normal(size=(96, 5)) * 1e3
    model.layers[0].set_weights([kernel.astype("float32"), np.zeros(5, "float32")])
    return model


def reciprocal() -> Any:
    """1 / (y² + 1e-4): steep, but finite."""
    rows = keras.Input((32,))
    return keras.Model(rows, 1.0 / (ops.square(layers.Dense(1)(rows)) + 1e-4))


def long_memory() -> Any:
    """A simple recurrence of 80 steps with a gain of 1.5."""
    model = keras.Sequential([keras.Input((80, 3)), layers.SimpleRNN(16), layers.Dense(1)])
    kernel, recurrent, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel, 1.5 * recurrent, bias])
    return model


def constant_rows(random: np.random.Generator) -> Rows:
    """Rows that vary by a thousandth around a thousand."""
    return (1e3 + 1e-3 * random.normal(size=(48, 40))).astype("float32")


def constant_norm() -> Any:
    """LayerNormalization of rows that are nearly constant."""
    return keras.Sequential(
        [keras.Input((40,)), layers.Dense(40), layers.LayerNormalization(), layers.Dense(1)]
    )


def _body() -> list[Any]:
    return [layers.Dense(32, activation="relu"), layers.Dense(32, activation="tanh"), layers.Dense(4)]


def lowered(policy: str) -> Callable[[], Any]:
    """Return a builder of an MLP under a dtype policy."""

    def build() -> Any:
        with _policy(policy):
            return keras.Sequential([keras.Input((20,)), *_body()])

    return build


def lowered_pictures() -> Any:
    """A mixed bfloat16 convolution with a float32 head."""
    with _policy("mixed_bfloat16"):
        parts = [
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
        ]
        return keras.Sequential(
            [keras.Input((8, 8, 2)), *parts, layers.Dense(3, activation="softmax", dtype="float32")]
        )


def picture_rows(random: np.random.Generator) -> Rows:
    """Rows of `lowered_pictures`."""
    return random.random(size=(36, 8, 8, 2)).astype("float32")


def quantised() -> Any:
    """An MLP quantised to 8-bit integers."""
    model = keras.Sequential([keras.Input((20,)), *_body()])
    for layer in model.layers:
        layer.quantize("int8")
    return model


def to_kelvin_and_back() -> Any:
    """Two constants that cancel: a compiler folds them, an eager call rounds twice."""
    there_and_back = [layers.Rescaling(1.0, offset=273.15), layers.Rescaling(1.0, offset=-273.15)]
    return keras.Sequential(
        [keras.Input((12,)), *there_and_back, layers.Dense(16, activation="tanh"), layers.Dense(1)]
    )


def far_and_back() -> Any:
    """A million added and subtracted between two layers."""
    rows = keras.Input((12,))
    return keras.Model(rows, layers.Dense(1)((layers.Dense(16, activation="tanh")(rows) + 1e6) - 1e6))


def sharp_layer_norm() -> Any:
    """LayerNormalization with a tiny epsilon."""
    return keras.Sequential(
        [keras.Input((8,)), layers.LayerNormalization(epsilon=1e-12), layers.Dense(4), layers.Dense(1)]
    )


def group_norm() -> Any:
    """Means over a thousand numbers far from zero: kernels for one row and for many add in another order."""
    rows = keras.Input((16, 16, 8))
    normal = layers.GroupNormalization(2)(rows)
    return keras.Model(rows, layers.Dense(3)(layers.Flatten()(normal)))


def bright_pictures(random: np.random.Generator) -> Rows:
    """Rows around 300 with a spread of 1."""
    return (300 + random.normal(size=(40, 16, 16, 8))).astype("float32")


def repeated(random: np.random.Generator) -> Rows:
    """Rows of one repeated number: only rounding is left of them."""
    return np.repeat(random.normal(size=(40, 1)), 8, axis=1).astype("float32")


def _case(name: str, build: Callable[[], Any], data: Maker) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data)


CASES: tuple[Case, ...] = (
    # Healthy, but a change in the last digit of an input changes the third digit of the output.
    Case(
        name="inputs around 1e4 that cancel",
        family="precision",
        build=cancelling,
        data=offset(1e4, 64),
        causes=("ill-conditioned",),
        layer="dense",
        warning=("KC604",),
    ),
    _case("outputs near zero", near_zero, flat(15)),
    _case("sixty layers", deep, flat(24)),
    _case("a hundred layers", hundred, flat(24)),
    _case("mixed bfloat16", lowered("mixed_bfloat16"), flat(20)),
    _case("tiny remembered variance", sharp_norm, flat(32)),
    _case("gelu and layer norm", gelu_norm, flat(33, rows=75)),
    _case("near-tied classes", tied, flat(128, rows=80)),
    # Saturated: classes do not react to small changes of the rows any more.
    Case(
        name="huge logits",
        family="precision",
        build=huge_logits,
        data=flat(96),
        causes=("outputs-stuck",),
        warning=("KC703",),
    ),
    _case("steep reciprocal", reciprocal, flat(32)),
    _case("long recurrence", long_memory, steps(80, 3)),
    Case(
        name="rows in a map of their own",
        family=FAMILY,
        build=lambda: mapped(vectorized=False),
        data=flat(6),
        args=CUSTOM,
    ),
    Case(name="numbers checked in the model", family=FAMILY, build=checked, data=flat(6), args=CUSTOM),
    Case(name="non-maximum suppression", family=FAMILY, build=detector, data=flat(6), args=CUSTOM),
    _case("layer norm of constants", constant_norm, constant_rows),
    _case("mixed float16", lowered("mixed_float16"), flat(20)),
    _case("mixed bfloat16 pictures", lowered_pictures, picture_rows),
    _case("bfloat16 throughout", lowered("bfloat16"), flat(20)),
    _case("float64 throughout", lowered("float64"), flat(20)),
    _case("8-bit integers", quantised, flat(20)),
    _case("to kelvin and back", to_kelvin_and_back, flat(12)),
    _case("group norm far from zero", group_norm, bright_pictures),
    _case("layer norm of one number", sharp_layer_norm, repeated),
)
