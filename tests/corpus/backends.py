"""Models whose outputs differ on other Keras backends, and healthy ones that look alike.

They are not part of the whole corpus: JAX and PyTorch are not installed where that is scored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker, flat, pictures, steps
from tests.corpus.custom_layers import BoundToTensorFlow

__all__ = ["CASES"]


def _pictures_through(*between: keras.layers.Layer) -> Callable[[], Any]:
    def build() -> Any:
        inputs = values = keras.Input((9, 12, 3))
        for layer in (layers.Conv2D(4, 3, padding="same"), *between, layers.Flatten()):
            values = layer(values)
        return keras.Model(inputs, layers.Dense(3)(values))

    return build


def _of_missing(pool: type[keras.layers.Layer]) -> Callable[[], Any]:
    def build() -> Any:
        inputs = keras.Input((12, 4))
        return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(pool(2)(inputs))))

    return build


def _with_missing(random: np.random.Generator) -> np.ndarray:
    rows = steps(12, 4)(random)
    assert isinstance(rows, np.ndarray)
    rows[::5, 3, 1] = np.nan
    return rows


def _of_ids() -> Any:
    inputs = keras.Input((6,), dtype="int64")
    return keras.Model(inputs, layers.Dense(3)(layers.Hashing(50, output_mode="multi_hot")(inputs)))


def _ids(lowest: int, highest: int) -> Maker:
    return lambda random: random.integers(lowest, highest, (70, 6))


def _in(dtype: str) -> Callable[[], Any]:
    def build() -> Any:
        inputs = keras.Input((8,), dtype=dtype)
        hidden = layers.Dense(16, activation="tanh", dtype=dtype)(inputs)
        return keras.Model(inputs, layers.Dense(2, dtype=dtype)(hidden))

    return build


def _through(layer: Callable[[], keras.layers.Layer]) -> Callable[[], Any]:
    return lambda: keras.Sequential([keras.Input((8,)), layers.Dense(16), layer(), layers.Dense(2)])


def _case(name: str, backend: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    args = ("--select", "KC607", "--backends", backend, *expected.pop("args", ()))
    quiet = () if expected else ("KC607",)
    return Case(name=name, family="backends", build=build, data=data, args=args, quiet=quiet, **expected)


def _fault(cause: str, layer: str | None = None, **more: Any) -> dict[str, Any]:
    return {"causes": (cause,), "layer": layer, "failing": ("KC607",), **more}


_AVERAGE = layers.AveragePooling2D
_LOW = {"causes": ("backend-low-precision",), "warning": ("KC607",)}
_FAULTS: tuple[Case, ...] = (
    _case(
        "average pooling with padding, on PyTorch",
        "torch",
        lambda: _pictures_through(_AVERAGE(3, 2, padding="same", name="pool"))(),
        pictures(9, 12, 3),
        **_fault("backend-layer-differs", "pool"),
    ),
    _case(
        "bicubic resizing, on PyTorch",
        "torch",
        lambda: _pictures_through(layers.Resizing(14, 7, interpolation="bicubic", name="resize"))(),
        pictures(9, 12, 3),
        **_fault("backend-layer-differs", "resize"),
    ),
    _case(
        "Lanczos resizing, on PyTorch",
        "torch",
        lambda: _pictures_through(layers.Resizing(14, 7, interpolation="lanczos3", name="resize"))(),
        pictures(9, 12, 3),
        **_fault("backend-refuses-layer", "resize"),
    ),
    _case(
        "a layer that calls TensorFlow, on JAX",
        "jax",
        _through(lambda: BoundToTensorFlow(name="bound")),
        flat(8),
        args=CUSTOM,
        **_fault("backend-refuses-layer", "bound"),
    ),
    _case(
        "max pooling of missing values, on PyTorch",
        "torch",
        lambda: _of_missing(layers.MaxPooling1D)(),
        _with_missing,
        **_fault("backend-nan-differs"),
    ),
    _case("large ids, on JAX", "jax", _of_ids, _ids(2**33, 2**40), **_fault("backend-cuts-integers")),
    _case("float64, on JAX", "jax", _in("float64"), flat(8), **_LOW),
)
_HEALTHY: tuple[Case, ...] = (
    _case(
        "average pooling without padding, on PyTorch",
        "torch",
        lambda: _pictures_through(layers.ZeroPadding2D(1), _AVERAGE(3, 2))(),
        pictures(9, 12, 3),
    ),
    _case(
        "bilinear resizing, on PyTorch",
        "torch",
        lambda: _pictures_through(layers.Resizing(14, 7, interpolation="bilinear"))(),
        pictures(9, 12, 3),
    ),
    _case("a layer of keras.ops, on JAX", "jax", _through(layers.ReLU), flat(8)),
    _case(
        "average pooling of missing values, on PyTorch",
        "torch",
        lambda: _of_missing(layers.AveragePooling1D)(),
        _with_missing,
    ),
    _case("small ids, on JAX", "jax", _of_ids, _ids(0, 2**20)),
    _case("float32, on JAX", "jax", _in("float32"), flat(8)),
)
CASES: tuple[Case, ...] = (*_FAULTS, *_HEALTHY)
