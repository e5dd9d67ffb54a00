"""Planted faults of files that do not hold the whole model, and clean counterparts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.corpus.cases import CUSTOM, Case, flat, save_rows
from tests.corpus.custom_layers import Drawn, Offset, Table
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

FAMILY = "files"
NAME = "adjust"
CHANCE, LOSS = ("untracked-state",), ("config-loses-arguments",)
UNSAVED = ("weights-not-saved",)


def _case(host: str, name: str, layer: Callable[[], Any], **expected: Any) -> Case:
    chosen = HOSTS[host]
    planted = {"layer": chosen.within + NAME} if expected.get("causes") else {}
    return Case(
        name=f"{host}, {name}",
        family=FAMILY,
        build=lambda: chosen.build(layer()),
        data=chosen.data,
        args=CUSTOM,
        **planted,
        **expected,
    )


def unbuilt() -> Any:
    """A model that was saved before it was built: its file has no weights."""
    return keras.Sequential([keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1)])


def unbuilt_rows(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    """Rows of `unbuilt`, which must not be built before it is saved."""
    return ("--data", str(save_rows(folder / "data", flat(9)(random))))


def _table(how: str) -> Callable[[], Any]:
    return lambda: Table(how, name=NAME)


def _offset(style: str, by: float) -> Callable[[], Any]:
    return lambda: Offset(by, style, name=NAME)


CASES: tuple[Case, ...] = (
    _case("perceptron", "a random tf.Variable", _table("variable"), causes=CHANCE, failing=("KC801",)),
    _case("forecaster", "a random tf.Variable", _table("variable"), causes=CHANCE, failing=("KC801",)),
    *(
        _case(host, "a random array", _table("array"), causes=CHANCE, failing=("KC801",))
        for host in ("perceptron", "two-heads")
    ),
    _case("regressor", "a layer in a closure", _table("closure"), causes=UNSAVED, failing=("KC801",)),
    _case("perceptron", "a tf.Variable of ones", _table("ones"), causes=CHANCE, warning=("KC801",)),
    _case("perceptron", "a weight instead", _table("weight"), quiet=("KC602", "KC801")),
    _case("regressor", "a fixed array instead", _table("fixed"), quiet=("KC602", "KC801")),
    *(
        _case(host, "a config that drifts", _offset("drifting", 0.7), causes=LOSS, failing=("KC801",))
        for host in ("perceptron", "regressor")
    ),
    _case(
        "perceptron",
        "a config that drifts a little",
        _offset("creeping", 0.7),
        causes=LOSS,
        failing=("KC801",),
    ),
    _case("perceptron", "a config that forgets", _offset("forgetful", 0.7), causes=LOSS, warning=("KC801",)),
    _case(
        "perceptron",
        "a config without the number that was drawn",
        lambda: Drawn(is_kept=False, name=NAME),
        causes=LOSS,
        failing=("KC801",),
    ),
    _case(
        "perceptron",
        "a config with the number that was drawn",
        lambda: Drawn(name=NAME),
        quiet=("KC203", "KC801"),
    ),
    Case(
        name="saved before it was built",
        family=FAMILY,
        build=unbuilt,
        kit=unbuilt_rows,
        causes=UNSAVED,
        failing=("KC801",),
    ),
    _case("perceptron", "a config that tells all", _offset("whole", 0.7), quiet=("KC602", "KC801")),
)
