"""Clean models on flat rows: no check may fail."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.corpus.cases import CUSTOM, Case, Rows, flat
from tests.corpus.custom_layers import Assembly, EagerNoise, Forced, Reduce, Tracker
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

Tensor = Any
FAMILY = "clean-dense"


def _hosted(host: str, adjust: Any, note: str, custom: bool = False) -> Case:
    """A clean case: `adjust` creates the healthy layer that is put into the host."""
    chosen = HOSTS[host]
    args = CUSTOM if custom else ()
    return Case(
        name=f"{host}, {note}",
        family=FAMILY,
        build=lambda: chosen.build(adjust()),
        data=chosen.data,
        args=args,
    )


def filling() -> Any:
    """Zeros in place of missing numbers, next to marks of what is missing."""
    rows = keras.Input((9,))
    missing = ops.isnan(rows)
    filled = ops.where(missing, 0.0, rows)
    both = layers.Concatenate()([filled, ops.cast(missing, "float32")])
    return keras.Model(rows, layers.Dense(1)(layers.Dense(16, activation="relu")(both)))


def gaps(random: np.random.Generator) -> Rows:
    """Rows of which a tenth of the numbers is missing."""
    rows = random.normal(size=(80, 9)).astype("float32")
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def named() -> Any:
    """A classifier that gives the name of the class, which a lookup makes of its number."""
    rows = keras.Input((9,))
    scores = layers.Dense(3)(layers.Dense(8, activation="tanh")(rows))
    names = layers.StringLookup(vocabulary=["cat", "dog", "cow"], invert=True, num_oov_indices=0)
    return keras.Model(rows, {"scores": scores, "name": names(ops.argmax(scores, axis=-1))})


def wide_and_deep() -> Any:
    """A linear part and a deep part, joined."""
    rows = keras.Input((24,))
    deep = layers.Dropout(0.4)(layers.Dense(32, activation="relu")(rows))
    return keras.Model(rows, layers.Dense(1, activation="sigmoid")(layers.Concatenate()([rows, deep])))


def nested_outputs() -> Any:
    """Outputs in a dict that holds a list."""
    rows = keras.Input((9,))
    trunk = layers.Dense(10, activation="tanh")(rows)
    heads = {
        "pair": [layers.Dense(1, name="low")(trunk), layers.Dense(1, name="high")(trunk)],
        "kind": layers.Dense(3, name="kind")(trunk),
    }
    return keras.Model(rows, heads)


def tuple_inputs() -> Any:
    """Three inputs in a list, one of them used twice."""
    first, second, third = (keras.Input((size,), name=name) for size, name in ((4, "a"), (6, "b"), (4, "c")))
    shared = layers.Dense(5, activation="relu")
    joined = layers.Concatenate()([shared(first), layers.Dense(5)(second), shared(third), first])
    return keras.Model([first, second, third], layers.Dense(2)(joined))


def tuple_rows(random: np.random.Generator) -> Rows:
    """Rows of `tuple_inputs`."""
    return {
        name: random.normal(size=(48, size)).astype("float32")
        for name, size in (("a", 4), ("b", 6), ("c", 4))
    }


def nothing_between(tensor: Tensor) -> Tensor:
    """Plant nothing."""
    return tensor


def assembly() -> Any:
    """A subclassed model with Dropout and BatchNormalization that follow the caller's training argument."""
    return Assembly(
        [layers.Dense(20), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5), layers.Dense(2)]
    )


def assembly_in_functional() -> Any:
    """A subclassed model as a layer of a functional one."""
    rows = keras.Input((10,))
    inner = Assembly(
        [layers.Dense(12, activation="relu"), layers.Dropout(0.2), layers.Dense(6)], name="trunk"
    )
    return keras.Model(rows, layers.Dense(1)(inner(rows)))


def wrapped_norm() -> Any:
    """BatchNormalization in a custom layer that passes on the training argument."""
    parts = [
        layers.Dense(16),
        Forced(layers.BatchNormalization(), name="adjust"),
        layers.ReLU(),
        layers.Dense(3),
    ]
    return keras.Sequential([keras.Input((8,)), *parts])


def frozen_norm() -> Any:
    """BatchNormalization fixed at inference in the graph."""
    rows = keras.Input((8,))
    hidden = layers.BatchNormalization()(layers.Dense(16)(rows), training=False)
    return keras.Model(rows, layers.Dense(3)(layers.ReLU()(hidden)))


def adapted() -> Any:
    """A Normalization layer that was adapted, with noise that acts in training only."""
    normalise = layers.Normalization()
    normalise.adapt(np.random.default_rng(4).normal(3.0, 5.0, size=(200, 6)).astype("float32"))
    return keras.Sequential(
        [
            keras.Input((6,)),
            normalise,
            layers.GaussianNoise(0.3),
            layers.Dense(12, activation="selu"),
            layers.Dense(1),
        ]
    )


def shifted(random: np.random.Generator) -> Rows:
    """Rows as `adapted` expects them."""
    return random.normal(3.0, 5.0, size=(60, 6)).astype("float32")


def told_inference() -> Any:
    """A layer that drops inputs by default, with training=False in the graph."""
    rows = keras.Input((10,))
    return keras.Model(rows, layers.Dense(2)(EagerNoise()(layers.Dense(12)(rows), training=False)))


def spectral() -> Any:
    """Spectral and unit normalisation over the features."""
    parts = [
        layers.SpectralNormalization(layers.Dense(14, activation="relu")),
        layers.UnitNormalization(),
        layers.Softmax(),
    ]
    return keras.Sequential([keras.Input((10,)), *parts, layers.Dense(2)])


def ranked() -> Any:
    """Sorting, ranking and cumulative sums over each row's own features."""
    rows = keras.Input((12,))
    joined = ops.concatenate(
        [ops.sort(rows, axis=-1), ops.cumsum(rows, axis=1), ops.flip(rows, axis=1)], axis=-1
    )
    return keras.Model(rows, layers.Dense(2)(joined))


CASES: tuple[Case, ...] = (
    _hosted("perceptron", lambda: nothing_between, "plain"),
    _hosted("perceptron", lambda: layers.Dropout(0.3, name="adjust"), "dropout"),
    _hosted(
        "regressor",
        lambda: Reduce("standard", axis=-1, name="adjust"),
        "standardised over the features",
        custom=True,
    ),
    _hosted("residual", lambda: layers.GaussianDropout(0.2, name="adjust"), "gaussian dropout"),
    _hosted("autoencoder", lambda: Reduce("length", axis=-1, name="adjust"), "unit length code", custom=True),
    _hosted(
        "experts", lambda: Reduce("softmax", axis=-1, name="adjust"), "softmax over the features", custom=True
    ),
    _hosted(
        "shop", lambda: Tracker("mean", name="adjust"), "running mean kept in training only", custom=True
    ),
    _hosted("twins", lambda: layers.LayerNormalization(name="adjust"), "layer norm"),
    _hosted("two-heads", lambda: layers.BatchNormalization(name="adjust"), "batch norm in one head"),
    _hosted("boxed", lambda: layers.Dropout(0.5, name="adjust"), "dropout inside"),
    _hosted(
        "boxed-twice",
        lambda: Reduce("minmax", axis=-1, name="adjust"),
        "min-max over the features",
        custom=True,
    ),
    Case(name="wide and deep", family=FAMILY, build=wide_and_deep, data=flat(24)),
    Case(name="nested outputs", family=FAMILY, build=nested_outputs, data=flat(9)),
    Case(name="three inputs in a list", family=FAMILY, build=tuple_inputs, data=tuple_rows),
    Case(name="subclassed", family=FAMILY, build=assembly, data=flat(11), args=CUSTOM),
    Case(
        name="subclassed within functional",
        family=FAMILY,
        build=assembly_in_functional,
        data=flat(10),
        args=CUSTOM,
    ),
    Case(name="wrapped batch norm", family=FAMILY, build=wrapped_norm, data=flat(8), args=CUSTOM),
    Case(name="frozen batch norm", family=FAMILY, build=frozen_norm, data=flat(8)),
    Case(name="adapted normalization and noise", family=FAMILY, build=adapted, data=shifted),
    Case(name="default training overruled", family=FAMILY, build=told_inference, data=flat(10), args=CUSTOM),
    Case(name="spectral and unit normalisation", family=FAMILY, build=spectral, data=flat(10)),
    Case(
        name="missing numbers, filled in and marked",
        family=FAMILY,
        build=filling,
        data=gaps,
        quiet=("KC701",),
    ),
    Case(name="classes by name", family=FAMILY, build=named, data=flat(9), quiet=("KC501",)),
    Case(name="sorted and cumulated features", family=FAMILY, build=ranked, data=flat(12)),
)
