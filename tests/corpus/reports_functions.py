"""Served rows that are a function of the right ones, such as a logarithm, and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-functions", "clean-reports-functions"
CAUSE = "function-misapplied"
Array = np.ndarray
Serve = Callable[[Array], Array]


def incomes() -> Any:
    """The logarithm is in the model."""
    inputs = keras.Input((4,), name="income")
    hidden = layers.Dense(8, activation="relu")(ops.log1p(inputs))
    return keras.Model(inputs, layers.Dense(1, name="rate")(hidden))


def counts() -> Any:
    """Roots of counts along time, a convolution."""
    inputs = keras.Input((12, 2), name="counts")
    hidden = layers.GlobalMaxPooling1D()(layers.Conv1D(5, 3, activation="tanh")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="kind")(hidden))


def prices() -> Any:
    """Scaled prices."""
    return keras.Sequential(
        [keras.Input((3,), name="prices"), layers.Dense(9, activation="gelu"), layers.Dense(1)]
    )


def heavy(*shape: int) -> Callable[[np.random.Generator], Array]:
    """Positive numbers with a heavy tail."""
    return lambda random: random.lognormal(1.0, 0.7, (80, *shape)).astype("float32")


def _plain(draw: Callable[[np.random.Generator], Array], serve: Serve) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = draw(random)
        return lay_out(folder, data=rows, served=serve(rows))

    return write


def _scaled(scaler: Any, serve: Serve, columns: slice = slice(None)) -> Writer:
    """Rows of a scaler; serving changes some columns before it."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        training, rows = random.lognormal(3, 1, (300, 3)), random.lognormal(3, 1, (90, 3))
        scaler.fit(training)
        changed = rows.copy()
        changed[:, columns] = serve(changed[:, columns])
        path = folder / "scaler.pkl"
        path.write_bytes(pickle.dumps(scaler))
        files = lay_out(folder, data=rows, served=scaler.transform(changed).astype("float32"))
        return (*files, "--scaler", str(path))

    return write


def _fault(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=(CAUSE,))


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=("KC301",))


CASES: tuple[Case, ...] = (
    _fault("log1p before a model that has it", incomes, _plain(heavy(4), np.log1p)),
    _fault("exp of stored logarithms", incomes, _plain(heavy(4), np.exp)),
    _fault("roots along time left out", counts, _plain(heavy(12, 2), np.square)),
    _fault("logarithm before a standard scaler", prices, _scaled(StandardScaler(), np.log1p)),
    _fault("root of one column before a range", prices, _scaled(MinMaxScaler(), np.sqrt, slice(0, 1))),
    _clean("incomes as they are", incomes, _plain(heavy(4), np.copy)),
    _clean("counts as they are", counts, _plain(heavy(12, 2), np.copy)),
    _clean("prices through their scaler", prices, _scaled(StandardScaler(), np.copy)),
    _clean("prices through their range", prices, _scaled(MinMaxScaler(), np.copy)),
)
