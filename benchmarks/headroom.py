"""How far apart healthy routes are in deep and wide networks, in the units of the limits: a distribution.

Residual and plain networks of Dense, Conv1D, LSTM and attention layers, up to 300 layers (or time steps)
deep and 8 to 1024 wide, each with several seeds of weights. Each runs 48 rows in batches of 32 and one row at
a time, in float32 and on the float64 copy. `python -m benchmarks headroom` prints a table by family: the
median, the 90th and 99th percentile and the greatest value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.measure import Figure, align_columns, say
from keras_consistency_cli.loading.model.copies.float64 import build_float64_copy
from keras_consistency_cli.measurement.rounding import FLOAT32_FACTOR, FLOAT64_GAIN, RMS_FACTOR
from keras_consistency_cli.routes.numerics.layer_outputs import (
    move_by_half_ulp,
    recording_outputs,
    round_to_float32,
)

__all__ = ["SHAPES", "Headroom", "Shape", "examine", "measure"]

_ROWS, _BATCH = 48, 32
_PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One kind of network, its depth and its width."""

    family: str
    depth: int
    width: int
    build: Callable[[int, int], Any]
    row: tuple[int, ...]

    @property
    def name(self) -> str:
        """The network in words."""
        return f"{self.family}, {self.depth} deep, {self.width} wide"


@dataclass(frozen=True, kw_only=True)
class Headroom:
    """What one model showed: root mean squares and maxima of errors and differences.

    `batch` and `single` are the errors of float32 against float64, in batches and one row at a time; `pair`
    is their difference, `pair64` the difference of the same two routes in float64, and `layered` the error
    of rounding the float64 copy layer by layer. Each is (root mean square, maximum).
    """

    shape: Shape
    seed: int
    scale: float
    batch: tuple[float, float]
    single: tuple[float, float]
    pair: tuple[float, float]
    pair64: tuple[float, float]
    layered: tuple[float, float]


def _sized(row: tuple[int, ...], width: int, name: str = "x") -> tuple[Any, Any]:
    inputs = keras.Input(row, name=name)
    return inputs, layers.Dense(width)(inputs)


def _residual(activation: str, scale: float, norm: bool = False) -> Callable[[int, int], Any]:
    def build(depth: int, width: int) -> Any:
        inputs, h = _sized((32,), width)
        for _ in range(depth):
            inner = layers.LayerNormalization()(h) if norm else h
            step = layers.Dense(width, activation=activation)(inner)
            h = layers.Add()([h, layers.Rescaling(scale)(step) if scale != 1.0 else step])
        return keras.Model(inputs, layers.Dense(4)(h))

    return build


def _plain(activation: str) -> Callable[[int, int], Any]:
    def build(depth: int, width: int) -> Any:
        inputs, h = _sized((32,), width)
        for _ in range(depth):
            h = layers.Dense(width, activation=activation, kernel_initializer="he_normal")(h)
        return keras.Model(inputs, layers.Dense(4)(h))

    return build


def _convolutions(depth: int, width: int) -> Any:
    inputs, h = _sized((24, 3), width)
    for _ in range(depth):
        step = layers.Conv1D(width, 3, padding="same", activation="relu")
        h = layers.Add()([h, step(layers.LayerNormalization()(h))])
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(h)))


def _recurrent(depth: int, width: int) -> Any:
    """`depth` counts time steps."""
    inputs = keras.Input((depth, 6), name="x")
    h = layers.LSTM(width, return_sequences=True)(inputs)
    return keras.Model(inputs, layers.Dense(4)(layers.LSTM(width)(h)))


def _attention(depth: int, width: int) -> Any:
    inputs, h = _sized((12, 8), width)
    for _ in range(depth):
        n = layers.LayerNormalization()(h)
        h = layers.Add()([h, layers.MultiHeadAttention(4, max(width // 4, 2))(n, n)])
        n = layers.LayerNormalization()(h)
        h = layers.Add()([h, layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(n))])
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(h)))


def _shapes(
    family: str, build: Callable[[int, int], Any], row: tuple[int, ...], sizes: Sequence[tuple[int, int]]
) -> Iterator[Shape]:
    for depth, width in sizes:
        yield Shape(family=family, depth=depth, width=width, build=build, row=row)


_SIZES = ((10, 8), (10, 256), (10, 1024), (30, 64), (30, 512), (100, 64), (100, 320), (300, 32))

SHAPES: tuple[Shape, ...] = (
    *_shapes("residual MLP, relu", _residual("relu", 1.0), (32,), _SIZES),
    *_shapes("residual MLP, tanh", _residual("tanh", 1.0), (32,), _SIZES),
    *_shapes("residual MLP, scaled", _residual("gelu", 0.1), (32,), _SIZES),
    *_shapes("residual MLP, normalised", _residual("relu", 1.0, norm=True), (32,), _SIZES),
    *_shapes("plain MLP, relu", _plain("relu"), (32,), _SIZES),
    *_shapes("plain MLP, tanh", _plain("tanh"), (32,), _SIZES),
    *_shapes("Conv1D", _convolutions, (24, 3), ((10, 8), (10, 64), (10, 256), (30, 32), (100, 16))),
    *_shapes("LSTM", _recurrent, (), ((10, 8), (10, 128), (10, 512), (100, 32), (100, 256), (300, 16))),
    *_shapes("attention", _attention, (12, 8), ((2, 16), (4, 64), (4, 256), (2, 512), (12, 32), (24, 32))),
)


def measure(*, quick: bool) -> list[Figure]:
    """Print the table by family, and return the greatest multiples."""
    seeds, shapes = (range(1), SHAPES[::8]) if quick else (range(2), SHAPES)
    found = [examine(shape, seed) for shape in shapes for seed in seeds]
    families = dict.fromkeys(each.shape.family for each in found)
    rows = [_row(family, [each for each in found if each.shape.family == family]) for family in families]
    print(align_columns([_HEAD, *rows, _row("all", found)]), end="\n\n")
    return [
        Figure(
            what=f"greatest mean difference of one row and many, {len(found)} models, in multiples of {unit}",
            measured=f"{max(values):.2f}",
            against=f"limit {limit:g}",
        )
        for unit, values, limit in (
            ("the noise of predict, if float64 predicts none", _by_noise(found, predicted=False), RMS_FACTOR),
            ("what float64 predicts", _by_float64(found), RMS_FACTOR * FLOAT32_FACTOR),
        )
    ]


_HEAD = ("family", "models", "same bits", "mean ÷ e", "greatest ÷ E", "mean ÷ (float64 · 2²⁹)")


def _row(family: str, found: Sequence[Headroom]) -> tuple[str, ...]:
    same = sum(each.pair[1] == 0 for each in found)
    columns = (
        [_ratio(each.pair[0], each.batch[0]) for each in found],
        [_ratio(each.pair[1], each.batch[1]) for each in found],
        _by_float64(found),
    )
    return (family, str(len(found)), str(same), *map(_percentiles, columns))


def _by_noise(found: Sequence[Headroom], *, predicted: bool) -> list[float]:
    """Mean difference ÷ mean noise of the models for which float64 predicts a difference, or none."""
    return [_ratio(each.pair[0], each.batch[0]) for each in found if (each.pair64[1] > 0) is predicted] or [
        0.0
    ]


def _by_float64(found: Sequence[Headroom]) -> list[float]:
    return [_ratio(each.pair[0], each.pair64[0] / FLOAT64_GAIN) for each in found if each.pair[1] > 0] or [
        0.0
    ]


def _ratio(value: float, unit: float) -> float:
    return value / unit if unit else (math.inf if value else 0.0)


def _percentiles(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in np.percentile(values, _PERCENTILES))


def examine(shape: Shape, seed: int) -> Headroom:
    """Build one model and run it in batches and one row at a time, in float32 and in float64."""
    say(f"headroom: {shape.name}, seed {seed}")
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    row = shape.row or (shape.depth, 6)
    rows = np.random.default_rng(seed).normal(size=(_ROWS, *row)).astype("float32")
    model = shape.build(shape.depth, shape.width)
    exact_model = build_float64_copy(model, custom_objects={}, sample=rows[:1].astype("float64"))
    batch, single = _run(model, rows)
    exact, exact_single = _run(exact_model, rows.astype("float64"))
    with recording_outputs(move_by_half_ulp(0), round_to_float32):
        layered = exact_model(rows[:_BATCH].astype("float64"), training=False).numpy()
    return Headroom(
        shape=shape,
        seed=seed,
        scale=float(np.abs(exact).max()),
        batch=_size(batch - exact),
        single=_size(single - exact),
        pair=_size(single.astype("float64") - batch),
        pair64=_size(exact_single - exact),
        layered=_size(layered - exact[:_BATCH]),
    )


def _run(model: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs of batches and of single rows."""
    signature = tf.TensorSpec((None, *rows.shape[1:]), rows.dtype)
    step = tf.function(lambda x: model(x, training=False), input_signature=[signature])
    batches = [step(rows[start : start + _BATCH]).numpy() for start in range(0, len(rows), _BATCH)]
    singles = [step(rows[at : at + 1]).numpy() for at in range(len(rows))]
    return np.concatenate(batches), np.concatenate(singles)


def _size(errors: np.ndarray) -> tuple[float, float]:
    return float(np.sqrt(np.square(errors).mean())), float(np.abs(errors).max())
