"""Scalers that cannot have been fitted on rows like those of the data; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.worlds import settle

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-scalers", "clean-reports-scalers"
Array = np.ndarray
Table = Callable[[np.random.Generator, int], Array]
Fit = Callable[[Array], Any]
"""The scaler that is saved, by the raw rows of training."""


def engines(random: np.random.Generator, rows: int) -> Array:
    """A temperature, a speed and a pressure."""
    return random.normal([40.0, 3000.0, 200.0], [10.0, 800.0, 50.0], (rows, 3))


def plates(random: np.random.Generator, rows: int) -> Array:
    """Three lengths in millimetres."""
    return random.uniform(1000.0, 3000.0, (rows, 3))


def heavy(random: np.random.Generator, rows: int) -> Array:
    """Incomes and two counts with heavy tails."""
    return random.pareto(1.1, (rows, 3)) * [900.0, 3.0, 40.0]


def with_outliers(random: np.random.Generator, rows: int) -> Array:
    """Engines, of which one in a hundred has readings of a broken sensor."""
    found = engines(random, rows)
    return np.where(random.random((rows, 1)) < 0.01, 1e7, found)


def nearly_constant(random: np.random.Generator, rows: int) -> Array:
    """A rare flag, a level that hardly varies, and a speed."""
    flag, level = random.random(rows) < 0.01, 5.0 + 1e-6 * random.normal(size=rows)
    return np.column_stack([flag, level, random.normal(3000.0, 800.0, rows)])


def stock(random: np.random.Generator, rows: int) -> Array:
    """Features that were standardized when they were stored, such as principal components."""
    return random.normal(size=(rows, 3))


def model(scale: Table) -> Callable[[], Any]:
    """A model of rows scaled between -3 and 3, or so."""

    def build() -> Any:
        parts = [layers.Dense(12, activation="tanh"), layers.Dense(1, name="head")]
        rows = StandardScaler().fit_transform(scale(np.random.default_rng(5), 200))
        return settle(keras.Sequential([keras.Input((3,)), *parts]), rows)

    return build


def saved(table: Table, fit: Fit, *, has_reference: bool = True) -> Writer:
    """Rows, rows of training and what was fitted on something."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        training, rows = table(random, 600), table(random, 120)
        reference = training if has_reference else None
        return lay_out(folder, data=rows, scaler=pickle.dumps(fit(training)), reference=reference)

    return write


def on_scaled(scaler: Any, training: Array) -> Any:
    """Fit on rows that were scaled already."""
    return scaler.fit(StandardScaler().fit_transform(training))


def in_metres(scaler: Any, training: Array) -> Any:
    """Fit on the same rows in another unit."""
    return scaler.fit(training / 1000.0)


def on_a_sample(scaler: Any, training: Array) -> Any:
    """Fit on one half of the rows."""
    return scaler.fit(training[::2])


def on_new_rows(scaler: Any, training: Array) -> Any:
    """Fit on rows of a later month, which have drifted by a few deviations."""
    return scaler.fit(training + 4.0 * training.std(axis=0))


FAULTY: tuple[tuple[str, Table, Fit], ...] = (
    ("a scaler of scaled engines", engines, partial(on_scaled, StandardScaler())),
    ("a robust scaler of scaled engines", engines, partial(on_scaled, RobustScaler())),
    ("a range of plates in metres", plates, partial(in_metres, MinMaxScaler())),
    (
        "a pipeline of plates in metres",
        plates,
        partial(in_metres, make_pipeline(SimpleImputer(), StandardScaler())),
    ),
)
RIGHT: tuple[tuple[str, Table, Fit], ...] = (
    ("a scaler of half of the engines", engines, partial(on_a_sample, StandardScaler())),
    ("a scaler of heavy tails", heavy, partial(on_a_sample, RobustScaler())),
    ("a scaler of rows with outliers", with_outliers, lambda training: StandardScaler().fit(training)),
    ("a scaler of features that hardly vary", nearly_constant, lambda rows: StandardScaler().fit(rows)),
    ("a scaler of standardized features", stock, partial(on_a_sample, StandardScaler())),
)

CASES: tuple[Case, ...] = (
    *(
        Case(
            name=name,
            family=FAMILY,
            build=model(table),
            kit=saved(table, fit),
            failing=("KC304",),
            causes=("scaler-stale",),
        )
        for name, table, fit in FAULTY
    ),
    Case(
        name="a scaler of scaled engines, no reference rows",
        family=FAMILY,
        build=model(engines),
        kit=saved(engines, partial(on_scaled, StandardScaler()), has_reference=False),
        warning=("KC304",),
        causes=("scaler-stale",),
    ),
    Case(
        name="a scaler of engines of another month",
        family=FAMILY,
        build=model(engines),
        kit=saved(engines, partial(on_new_rows, StandardScaler())),
        warning=("KC304",),
        causes=("scaler-stale",),
    ),
    *(
        Case(name=name, family=CLEAN, build=model(table), kit=saved(table, fit), quiet=("KC304", "KC402"))
        for name, table, fit in RIGHT
    ),
)
