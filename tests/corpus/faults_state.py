"""Planted faults of state: earlier predictions change later ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker, steps
from tests.corpus.custom_layers import Hashed, Remembering, Tracker
from tests.corpus.hosts import HOSTS

__all__ = ["CASES", "lstm", "started"]

FAMILY = "state"
CARRIED = ("state-carry-over",)
NAME = "adjust"
FAILING = ("KC101", "KC104", "KC203", "KC502")


def lstm(batch: int) -> Callable[[], Any]:
    """Return a builder of a stateful LSTM for batches of this size."""
    return lambda: keras.Sequential(
        [keras.Input((6, 3), batch_size=batch), layers.LSTM(8, stateful=True, name=NAME), layers.Dense(2)]
    )


def stacked() -> Any:
    """Two recurrent layers of which the second carries its state."""
    parts = [layers.GRU(6, return_sequences=True), layers.GRU(5, stateful=True, name=NAME), layers.Dense(1)]
    return keras.Sequential([keras.Input((5, 4), batch_size=2), *parts])


def bidirectional() -> Any:
    """Both directions carry their state."""
    wrapped = layers.Bidirectional(layers.LSTM(4, stateful=True), name=NAME)
    return keras.Sequential([keras.Input((5, 3), batch_size=4), wrapped, layers.Dense(1)])


def cells() -> Any:
    """A cell in a stateful RNN layer, in a functional model."""
    series = keras.Input((7, 2), batch_size=8)
    return keras.Model(
        series,
        layers.Dense(3, activation="softmax")(
            layers.RNN(layers.SimpleRNNCell(6), stateful=True, name=NAME)(series)
        ),
    )


def started(*, stateful: bool) -> Any:
    """A GRU that is passed its first state in each call."""
    series, start = keras.Input((6, 3), batch_size=4, name="series"), keras.Input((7,), 4, name="start")
    memory = layers.GRU(7, stateful=stateful, name=NAME)
    return keras.Model([series, start], layers.Dense(2)(memory(series, initial_state=start)))


def series_and_starts(random: np.random.Generator) -> dict[str, np.ndarray]:
    """A series and a state in each row."""
    shapes = {"series": (40, 6, 3), "start": (40, 7)}
    return {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def inside() -> Any:
    """A stateful layer in a nested model."""
    inner_series = keras.Input((6, 4), batch_size=4)
    inner = keras.Model(inner_series, layers.GRU(5, stateful=True, name=NAME)(inner_series), name="encoder")
    series = keras.Input((6, 3), batch_size=4)
    return keras.Model(series, layers.Dense(1)(inner(layers.Dense(4)(series))))


def _stateful(name: str, build: Callable[[], Any], data: Maker, layer: str = NAME) -> Case:
    return Case(
        name=name, family=FAMILY, build=build, data=data, causes=CARRIED, layer=layer, failing=FAILING
    )


def _tracked(host: str, what: str) -> Case:
    """A layer that updates a number in a variable whenever it is called."""
    chosen = HOSTS[host]
    return Case(
        name=f"{host}, {what} tracked at inference",
        family=FAMILY,
        build=lambda: chosen.build(Tracker(what, always=True, name=NAME)),
        data=chosen.data,
        causes=("hidden-state",),
        layer=chosen.within + NAME,
        failing=("KC203",),
        args=CUSTOM,
    )


def _remembering(host: str) -> Case:
    chosen = HOSTS[host]
    return Case(
        name=f"{host}, a time step kept for the next call",
        family=FAMILY,
        build=lambda: chosen.build(Remembering(keep=True, name=NAME)),
        data=chosen.data,
        causes=("hidden-state",),
        layer=chosen.within + NAME,
        failing=("KC203",),
        args=CUSTOM,
    )


def _hashed(host: str) -> Case:
    chosen = HOSTS[host]
    return Case(
        name=f"{host}, weighed by hash()",
        family=FAMILY,
        build=lambda: chosen.build(Hashed(name=NAME)),
        data=chosen.data,
        causes=("untracked-state", "hidden-state"),
        failing=("KC203",),
        args=CUSTOM,
    )


CASES: tuple[Case, ...] = (
    _stateful("stateful LSTM, one row a batch", lstm(1), steps(6, 3, rows=36)),
    _stateful("stateful LSTM, four rows a batch", lstm(4), steps(6, 3, rows=48)),
    _stateful("stateful GRU on top of a plain one", stacked, steps(5, 4, rows=40)),
    _stateful("stateful bidirectional", bidirectional, steps(5, 3, rows=44)),
    _stateful("stateful cell", cells, steps(7, 2, rows=64)),
    _stateful("stateful GRU inside", inside, steps(6, 3, rows=40), layer=f"encoder/{NAME}"),
    Case(
        name="a state that each call overwrites",
        family=FAMILY,
        build=lambda: started(stateful=True),
        data=series_and_starts,
        causes=CARRIED,
        layer=NAME,
        warning=("KC203",),
    ),
    Case(
        name="a state that each call is passed",
        family="clean-state",
        build=lambda: started(stateful=False),
        data=series_and_starts,
        quiet=("KC203", "KC502"),
    ),
    _tracked("perceptron", "calls"),
    _tracked("regressor", "mean"),
    _tracked("filterbank", "mean"),
    _tracked("boxed", "calls"),
    _remembering("forecaster"),
    _hashed("perceptron"),
    _hashed("filterbank"),
)
