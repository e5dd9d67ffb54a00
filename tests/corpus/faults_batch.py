"""Planted faults by which the rows of a batch change each other's outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import CUSTOM, Case, Rows, flat
from tests.corpus.clean_hard import mapped
from tests.corpus.custom_layers import (
    Affinity,
    Along,
    Assembly,
    Crowded,
    CrowdOnly,
    Diversity,
    FixedNoise,
    Imputed,
    Reduce,
    Refold,
    Sized,
    Squeezed,
)
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

Tensor = Any

FAMILY = "batch"
CAUSES = ("cross-sample-dependence",)
FAILING = ("KC101", "KC102", "KC103")
NAME = "adjust"


def _planted(
    host: str, note: str, plant: Callable[[], Any], *, custom: bool = True, named: bool = True
) -> Case:
    """A faulty case: `plant` creates the fault in the host; `named` if it is one layer, `adjust`."""
    chosen = HOSTS[host]
    return Case(
        name=f"{host}, {note}",
        family=FAMILY,
        build=lambda: chosen.build(plant()),
        data=chosen.data,
        causes=CAUSES,
        layer=chosen.within + NAME if named else None,
        failing=FAILING,
        args=CUSTOM if custom else (),
    )


def _reduced(host: str, how: str, axis: int | None, share: float = 1.0) -> Case:
    over = "everything" if axis is None else "the batch"
    return _planted(
        host, f"{how} over {over}, share {share:g}", lambda: Reduce(how, axis=axis, share=share, name=NAME)
    )


def _along(host: str, how: str) -> Case:
    return _planted(host, f"{how} along the batch", lambda: Along(how, axis=0, name=NAME))


def operations_centre(tensor: Tensor) -> Tensor:
    """Centre over the batch by raw operations in the graph."""
    return tensor - ops.mean(tensor, axis=0, keepdims=True)


def operations_flip(tensor: Tensor) -> Tensor:
    """Reverse the batch by a raw operation."""
    return ops.flip(tensor, axis=0)


def operations_maximum(tensor: Tensor) -> Tensor:
    """Divide by the largest number of the whole batch."""
    return tensor / (ops.max(ops.abs(tensor)) + 1e-3)


def attend(tensor: Tensor) -> Tensor:
    """Attention over tensors that have no time axis."""
    return layers.Attention(name=NAME)([tensor, tensor])


def batch_as_time(tensor: Tensor) -> Tensor:
    """A recurrent layer that mistakes the batch for time."""
    return layers.LSTM(int(tensor.shape[-1]), return_sequences=True)(ops.expand_dims(tensor, 0))[0]


def subclassed() -> Any:
    """A leak among the parts of a subclassed model."""
    return Assembly(
        [layers.Dense(18, activation="relu"), Reduce("standard", axis=0, name=NAME), layers.Dense(2)]
    )


def subclassed_in_functional() -> Any:
    """A small leak in a subclassed model that is a layer of a functional one."""
    rows = keras.Input((10,))
    trunk = Assembly(
        [
            layers.Dense(12, activation="tanh"),
            Reduce("centre", axis=0, share=1e-4, name=NAME),
            layers.Dense(6),
        ],
        name="trunk",
    )
    return keras.Model(rows, layers.Dense(1)(trunk(rows)))


def gappy(rng: np.random.Generator) -> Rows:
    """Rows in which every tenth number is missing."""
    rows = rng.normal(size=(96, 8)).astype("float32")
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


def imputing() -> Any:
    """A model that first replaces NaN by the mean of the batch."""
    return keras.Sequential(
        [
            keras.Input((8,)),
            Imputed(by_batch=True, name=NAME),
            layers.Dense(4, activation="relu"),
            layers.Dense(1),
        ]
    )


def crowding() -> Any:
    """A leak that reaches few rows."""
    return keras.Sequential([keras.Input((8,)), Crowded(name=NAME), layers.Dense(1)])


def sized(how: str) -> Case:
    """A layer that depends on the batch size, or on the position in the batch, between two others."""
    parts = [layers.Dense(12, activation="relu"), Sized(how, name=NAME), layers.Dense(2)]
    case = _built(
        f"scaled by the batch, {how}", lambda: keras.Sequential([keras.Input((9,)), *parts]), 9, NAME
    )
    causes = ("batch-size-dependence", *(("seed-differs-under-xla",) if how == "seed" else ()))
    return replace(case, causes=causes, failing=("KC101", "KC102"))


def noisy(how: str, shape: tuple[int, ...]) -> Case:
    """Noise of a fixed seed, the same for each row, between two other layers."""

    def build() -> Any:
        inner = [layers.Flatten(), layers.Dense(2)]
        return keras.Sequential(
            [
                keras.Input(shape),
                layers.Dense(4, activation="tanh"),
                FixedNoise(how, name=NAME),
                layers.Activation("tanh"),
                *inner,
            ]
        )

    def data(random: np.random.Generator) -> Rows:
        return random.normal(size=(70, *shape)).astype("float32")

    case = Case(name=f"noise of a fixed seed, {how}", family=FAMILY, build=build, data=data, args=CUSTOM)
    if how in ("named", "kept"):
        return case
    return replace(case, causes=("seed-differs-under-xla",), layer=NAME, failing=("KC204",))


def squeezed(named: bool) -> Any:
    """A regressor whose outputs lose their last axis."""
    return keras.Sequential(
        [keras.Input((9,)), layers.Dense(6, activation="relu"), layers.Dense(1), Squeezed(named, name=NAME)]
    )


def halved(leaks: bool) -> Any:
    """Two outputs of one operation, which Keras gives the same name; only the first one leaks."""
    rows = keras.Input((9,))
    first, second = layers.Dense(3)(rows), layers.Dense(3)(rows)
    joined = ops.concatenate([operations_centre(first) if leaks else first, second], axis=-1)
    return keras.Model(rows, list(ops.split(joined, 2, axis=-1)))


def _built(name: str, build: Callable[[], Any], features: int, layer: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        data=flat(features),
        causes=CAUSES,
        layer=layer,
        failing=FAILING,
        args=CUSTOM,
    )


CASES: tuple[Case, ...] = (
    _reduced("perceptron", "centre", 0),
    _reduced("perceptron", "centre", 0, 1e-3),
    _reduced("regressor", "centre", 0, 1e-5),
    _reduced("regressor", "standard", 0, 1e-4),
    _reduced("residual", "centre", 0, 1e-6),
    _reduced("autoencoder", "minmax", 0),
    _reduced("autoencoder", "length", None),
    _reduced("experts", "peak", 0, 0.1),
    _reduced("image-classifier", "standard", 0),
    _reduced("image-classifier", "minmax", None, 1e-2),
    _reduced("image-embedding", "length", 0),
    _reduced("segmenter", "centre", None, 1e-5),
    _reduced("forecaster", "softmax", 0),
    _reduced("tagger", "centre", 0, 1e-4),
    _reduced("filterbank", "peak", None),
    _reduced("transformer", "peak", None, 1e-3),
    _reduced("reader", "softmax", 0),
    _reduced("shop", "standard", 0),
    _reduced("two-heads", "centre", 0, 1e-6),
    _reduced("boxed", "minmax", 0),
    _reduced("boxed-twice", "centre", 0, 1e-5),
    _along("twins", "cumulate"),
    _along("perceptron", "shift"),
    _along("frames", "reverse"),
    _along("graph-network", "sort"),
    _along("image-embedding", "first"),
    _planted("experts", "attention over the batch", lambda: Affinity(name=NAME)),
    _planted("regressor", "folded wrongly", lambda: Refold(name=NAME)),
    _planted("two-heads", "minibatch statistic", lambda: Diversity(name=NAME)),
    _planted("shop", "centred in company only", lambda: CrowdOnly(name=NAME)),
    _planted(
        "perceptron",
        "softmax layer on the wrong axis",
        lambda: layers.Softmax(axis=0, name=NAME),
        custom=False,
    ),
    _planted(
        "forecaster",
        "unit norm layer on the wrong axis",
        lambda: layers.UnitNormalization(axis=0, name=NAME),
        custom=False,
    ),
    _planted("two-heads", "attention layer without time", lambda: attend, custom=False),
    _planted("twins", "batch taken for time", lambda: batch_as_time, custom=False, named=False),
    _planted("residual", "mean operation", lambda: operations_centre, custom=False, named=False),
    _planted("boxed", "flip operation", lambda: operations_flip, custom=False, named=False),
    _planted("segmenter", "maximum operation", lambda: operations_maximum, custom=False, named=False),
    replace(_built("NaN filled in with the mean of the batch", imputing, 8, NAME), data=gappy),
    *(sized(how) for how in ("share", "even", "last", "seed")),
    *(
        noisy(how, shape)
        for how, shape in (
            ("normal", (9,)),
            ("uniform", (6, 6, 3)),
            ("truncated_normal", (7, 3)),
            ("named", (9,)),
            ("kept", (6, 5)),
        )
    ),
    Case(
        name="rows in a vectorized map",
        family=FAMILY,
        build=lambda: mapped(vectorized=True),
        data=flat(6),
        causes=("batch-size-dependence",),
        layer="mapped",
        failing=("KC102",),
        args=CUSTOM,
    ),
    replace(sized("fixed"), data=flat(9, rows=64)),
    Case(
        name="answers squeezed",
        family=FAMILY,
        build=lambda: squeezed(named=False),
        data=flat(9),
        causes=("outputs-not-per-sample",),
        failing=("KC101", "KC102"),
        args=CUSTOM,
    ),
    Case(
        name="answers squeezed by the name of their axis",
        family=FAMILY,
        build=lambda: squeezed(named=True),
        data=flat(9),
        args=CUSTOM,
    ),
    Case(
        name="leak into the first of two outputs of one operation",
        family=FAMILY,
        build=lambda: halved(leaks=True),
        data=flat(9),
        causes=CAUSES,
        failing=FAILING,
    ),
    Case(
        name="two outputs of one operation",
        family=FAMILY,
        build=lambda: halved(leaks=False),
        data=flat(9),
    ),
    _built("leak into few rows", crowding, 8, NAME),
    _built("subclassed, standard over the batch", subclassed, 11, NAME),
    _built("subclassed within functional, faint", subclassed_in_functional, 10, f"trunk/{NAME}"),
)
