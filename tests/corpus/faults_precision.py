"""Models with less precision than they seem to have: warnings; and clean counterparts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker, Rows, flat
from tests.corpus.clean_hard import cancelling, far_and_back, gelu_norm, offset, to_kelvin_and_back
from tests.corpus.custom_layers import EagerOnly, Narrow, Reduce, SquaresApart
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

FAMILY = "precision"
NAME = "adjust"
QUIET = ("KC602", "KC603", "KC604", "KC801")
SAME_BITS = ("KC101", "KC102", "KC201", "KC204")
"""Checks that fail if kernels do not give nearly the same bits for one row and for many."""


def _narrow(host: str, to: str, **expected: Any) -> Case:
    chosen = HOSTS[host]
    planted = {"layer": chosen.within + NAME} if expected.get("causes") else {}
    build: Callable[[], Any] = lambda: chosen.build(Narrow(to, name=NAME))  # noqa: E731
    return Case(
        name=f"{host}, cast to {to} and back",
        family=FAMILY,
        build=build,
        data=chosen.data,
        args=CUSTOM,
        **planted,
        **expected,
    )


def _case(name: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, **expected)


def chaotic(gain: float) -> Callable[[], Any]:
    """Return a builder of sixty tanh layers whose weights have this gain."""

    def build() -> Any:
        kernel = keras.initializers.RandomNormal(stddev=gain / np.sqrt(64))
        deep = [layers.Dense(64, activation="tanh", kernel_initializer=kernel) for _ in range(60)]
        return keras.Sequential([keras.Input((24,)), *deep, layers.Dense(1)])

    return build


def sixteen() -> Any:
    """One layer, which rounds as little as possible."""
    return keras.Sequential([keras.Input((12,)), layers.Dense(16, activation="tanh")])


def _eager_only(name: str, build: Callable[[], Any], share: float, causes: tuple[str, ...] = ()) -> Case:
    """A fault in float32 only: the float64 copy gives the same outputs both ways."""

    def planted() -> Any:
        model = build()
        return keras.Model(model.inputs, EagerOnly(share, name=NAME)(model.outputs[0]))

    return _case(
        f"{name}, scaled in eager float32 alone",
        planted,
        flat(12),
        args=CUSTOM,
        causes=causes,
        failing=("KC201", "KC204"),
    )


def _squares(name: str, offset: float, **expected: Any) -> Case:
    """Rounding inside a layer, which does not show between layers."""
    return _case(
        name,
        lambda: HOSTS["perceptron"].build(SquaresApart(offset, name=NAME)),
        flat(12),
        args=CUSTOM,
        **expected,
    )


def tied(distance: float) -> Callable[[], Any]:
    """Return a builder of a softmax with two classes whose weights differ by this much."""

    def build() -> Any:
        model = keras.Sequential([keras.Input((32,)), layers.Dense(5, activation="softmax")])
        kernel = np.random.default_rng(21).normal(size=(32, 5))
        kernel[:, 1] = kernel[:, 0] + distance * kernel[:, 2]
        model.layers[0].set_weights([kernel.astype("float32"), np.zeros(5, "float32")])
        return model

    return build


def leaking() -> Any:
    """A perceptron that subtracts a ten-thousandth of the batch mean."""
    return HOSTS["perceptron"].build(Reduce("centre", axis=0, share=1e-4, name=NAME))


def holed(random: np.random.Generator) -> Rows:
    """Rows, one of them with a missing value."""
    rows = random.normal(size=(64, 16)).astype("float32")
    rows[5, 3] = np.nan
    return rows


def swallowing() -> Any:
    """Dense with relu, which oneDNN fuses: NaN becomes 0."""
    return keras.Sequential([keras.Input((16,)), layers.Dense(32, activation="relu"), layers.Dense(1)])


def spreading() -> Any:
    """The same with tanh, which keeps NaN with any kernel."""
    return keras.Sequential([keras.Input((16,)), layers.Dense(32, activation="tanh"), layers.Dense(1)])


def resized(dtype: str) -> Callable[[], Any]:
    """Return a builder of a model that resizes pictures of this dtype.

    Eager execution rounds uint8 pictures again, a graph does not.
    """

    def build() -> Any:
        before = [layers.Resizing(9, 9, name=NAME), layers.Rescaling(1 / 127.5, offset=-1)]
        after = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
        return keras.Sequential([keras.Input((12, 12, 3), dtype=dtype), *before, *after])

    return build


def grey_levels(random: np.random.Generator) -> Rows:
    """Pictures as they are in files."""
    return random.integers(0, 256, (40, 12, 12, 3)).astype("uint8")


CASES: tuple[Case, ...] = (
    _case(
        "grey levels resized",
        resized("uint8"),
        grey_levels,
        causes=("eager-differs",),
        layer=NAME,
        failing=("KC201", "KC204"),
    ),
    _case("grey levels resized as floats", resized("float32"), grey_levels, quiet=QUIET),
    *(
        _narrow(host, "float16", causes=("low-precision",), warning=("KC602",))
        for host in ("perceptron", "image-classifier")
    ),
    _narrow("regressor", "bfloat16", causes=("low-precision",), warning=("KC602",)),
    _narrow("perceptron", "float64", quiet=QUIET),
    _case(
        "sixty layers with a gain of 2.5",
        chaotic(2.5),
        flat(24),
        causes=("ill-conditioned",),
        warning=("KC604",),
    ),
    _case("sixty layers with a gain of 0.9", chaotic(0.9), flat(24), quiet=QUIET),
    _case(
        "inputs around 1e6 that cancel",
        cancelling,
        offset(1e6, 64),
        causes=("ill-conditioned",),
        layer="dense",
        warning=("KC604",),
    ),
    _case("inputs around 100 that cancel", cancelling, offset(100.0, 64), quiet=QUIET),
    _case(
        "a million added and taken off",
        far_and_back,
        flat(12),
        causes=("ill-conditioned",),
        warning=("KC201", "KC204"),
    ),
    _squares(
        "squares that cancel within a layer",
        300.0,
        causes=("ill-conditioned",),
        layer=NAME,
        warning=("KC602",),
    ),
    _squares(
        "squares of which no digit is left",
        3e4,
        causes=("ill-conditioned",),
        layer=NAME,
        failing=("KC602",),
    ),
    _squares("squares that do not cancel", 0.0, quiet=QUIET),
    _eager_only("to kelvin and back", to_kelvin_and_back, share=1e-3, causes=("eager-differs",)),
    _eager_only("sixteen numbers", sixteen, share=1e-5),
    _case("classes 1e-7 apart", tied(1e-7), flat(32, rows=90), causes=("near-ties",), warning=("KC604",)),
    _case(
        "NaN that oneDNN swallows",
        swallowing,
        holed,
        causes=("kernel-dependent",),
        failing=("KC605",),
        args=("--select", "KC605"),
    ),
    _case("NaN that no kernel swallows", spreading, holed, args=("--select", "KC605")),
    _case(
        "gelu with --exact",
        gelu_norm,
        flat(33, rows=75),
        causes=("rounding",),
        failing=SAME_BITS,
        args=("--exact",),
    ),
    _case(
        "sums with a limit below rounding",
        gelu_norm,
        flat(33),
        causes=("rounding",),
        failing=SAME_BITS,
        args=("--rtol", "0", "--atol", "1e-9"),
    ),
    _case(
        "a leak with --exact",
        leaking,
        flat(12),
        causes=("cross-sample-dependence",),
        layer=NAME,
        failing=("KC103",),
        args=(*CUSTOM, "--exact"),
    ),
    _case("classes a hundredth apart", tied(1e-2), flat(32, rows=90), quiet=QUIET),
)
