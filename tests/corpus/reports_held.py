"""Layers whose trained number no file contains, because Keras does not track where they hold it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, flat
from tests.corpus.reports_held_layers import Calibrated, Constants

__all__ = ["CASES", "calibrated"]

FAMILY = "reports-held"
OWN = ("--custom-objects", str(Path(__file__).with_name("reports_held_layers.py")))


def calibrated(where: str) -> Callable[[], Any]:
    """Return a builder of a classifier with a trained temperature in this place."""

    def build() -> Any:
        scaled = Calibrated(where, name="temperature")
        model = keras.Sequential([keras.Input((9,)), layers.Dense(12, "tanh"), layers.Dense(4), scaled])
        scaled.number().assign(0.8)
        return model

    return build


def constants() -> Any:
    """A regressor that adds plain numbers of an object."""
    return keras.Sequential([keras.Input((9,)), layers.Dense(6, "relu"), Constants(), layers.Dense(1)])


def _lost(where: str) -> Case:
    return Case(
        name=f"a temperature in a place that Keras does not track: {where}",
        family=FAMILY,
        build=calibrated(where),
        data=flat(9),
        args=OWN,
        causes=("untracked-state",),
        warning=("KC801",),
        layer="temperature",
    )


def _kept(name: str, build: Callable[[], Any]) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=flat(9), args=OWN, quiet=("KC801",))


CASES: tuple[Case, ...] = (
    *(_lost(where) for where in ("object", "TensorFlow", "function", "module")),
    _kept("a temperature in a weight", calibrated("weight")),
    _kept("constants in an object", constants),
)
