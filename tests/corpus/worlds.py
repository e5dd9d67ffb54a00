"""Worlds: a table of raw numbers, the scaler fitted on it, and a network whose head was fitted on what the scaler gives.

The heads are solved by least squares, so that a world is ready in a moment and its predictions depend on every feature.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

__all__ = ["WORLDS", "Array", "Table", "World", "per_feature", "settle"]

Array = NDArray[Any]
Table = Callable[[np.random.Generator, int], Array]


def per_feature(transform: Callable[[Array], Any], rows: Array) -> Array:
    """Apply a function of two-dimensional rows to rows of any rank, as users do it: flattened to (-1, features) and back."""
    flat = np.asarray(transform(rows.reshape(-1, rows.shape[-1])))
    return flat.reshape(*rows.shape[:-1], flat.shape[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """Raw rows, the scaler that was fitted on the training rows among them, and the network trained on what it gave.

    Args:
        name: seeds everything.
        table: makes any number of raw rows, each shape[1:] being one sample.
        network: makes the network for so many features; its layers called head, head_1, ... are fitted.
        scaler: makes the unfitted scaler; None for a network that takes rows as they are.
        known: number of training rows.
        columns: names of the features; where given, the scaler is fitted on a DataFrame and remembers them.
    """

    name: str
    table: Table
    network: Callable[[int], Any]
    scaler: Callable[[], Any] | None = None
    known: int = 600
    columns: tuple[str, ...] = ()

    @cached_property
    def training(self) -> Array:
        """The raw rows that scaler and network were fitted on."""
        return self.table(np.random.default_rng(zlib.crc32(self.name.encode())), self.known)

    @cached_property
    def fitted(self) -> Any:
        """The scaler, fitted on the training rows."""
        return self.fit(self.training)

    def fit(self, rows: Array) -> Any:
        """Return a new scaler of the same kind, fitted on these raw rows."""
        assert self.scaler is not None
        return self.scaler().fit(self.framed(rows.reshape(-1, rows.shape[-1])))

    def framed(self, flat: Array) -> Any:
        """Return two-dimensional rows as a DataFrame where the columns have names."""
        if not self.columns:
            return flat
        import pandas

        return pandas.DataFrame(flat, columns=list(self.columns))

    def scaled(self, rows: Array) -> Array:
        """Return what the network is to be fed for these raw rows."""
        return rows if self.scaler is None else self.transformed(self.fitted, rows)

    def transformed(self, scaler: Any, rows: Array) -> Array:
        """Return what this scaler makes of the rows."""
        return per_feature(lambda flat: scaler.transform(self.framed(flat)), rows)

    def model(self) -> Any:
        """Return the network, fitted."""
        fed = self.scaled(self.training)
        return settle(self.network(fed.shape[-1]), fed)


def settle(model: Any, fed: Array | dict[str, Array]) -> Any:
    """Solve every layer called head, head_1, ... for a target that leans on every feature of every input, and return the model."""
    random = np.random.default_rng(5)
    inputs = [fed[tensor.name] for tensor in model.inputs] if isinstance(fed, dict) else [fed]
    target = sum(_target(values, random) for values in inputs)
    for layer in model.layers:
        if layer.name.startswith("head"):
            hidden = np.asarray(
                keras.Model(model.inputs, layer.input)(inputs, training=False), dtype="float64"
            )
            known = np.column_stack([hidden, np.ones(len(hidden))])
            wanted = (
                np.repeat(target, layer.units, axis=1) * np.linspace(-1.5, 1.5, layer.units)
                if layer.units > 1
                else target
            )
            solved = np.linalg.solve(known.T @ known + 1e-2 * np.eye(known.shape[1]), known.T @ wanted)
            layer.set_weights([solved[:-1].astype("float32"), solved[-1].astype("float32")])
    return model


def _target(values: Array, random: np.random.Generator) -> Array:
    """A bent sum over the features, each in units of its own spread; (rows, 1)."""
    flat = np.asarray(values, dtype="float64").reshape(len(values), -1)
    units = (flat - flat.mean(0)) / np.where(flat.std(0) > 0, flat.std(0), 1.0)
    weights = random.choice([-1.0, 1.0], size=flat.shape[1]) * random.uniform(0.5, 1.0, size=flat.shape[1])
    total = units @ weights / np.sqrt(flat.shape[1])
    return np.column_stack([total + 0.3 * np.sin(2.0 * total)])


# --- tables


def people(random: np.random.Generator, rows: int) -> Array:
    """Age, income, debt, rooms and a score: five scales, two of them skewed; (rows, 5) float64."""
    age, rooms = np.clip(random.normal(45, 13, rows), 18, 95), random.integers(1, 9, rows)
    income, debt = random.lognormal(10.4, 0.5, rows), random.exponential(6000, rows)
    return np.column_stack([age, income, debt, rooms, random.uniform(300, 850, rows)])


def weather(random: np.random.Generator, rows: int) -> Array:
    """Temperature, pressure, humidity, wind, and two nearly alike temperatures; (rows, 6) float64."""
    warm, wet, wind = random.normal(12, 7, rows), random.uniform(0.1, 1, rows), random.gamma(2, 3, rows)
    air = random.normal(1013, 9, rows)
    return np.column_stack(
        [warm, air, wet, wind, warm + random.normal(2, 1.5, rows), warm - random.normal(3, 1.5, rows)]
    )


def skewed(random: np.random.Generator, rows: int) -> Array:
    """Positive numbers with long tails; (rows, 4) float64."""
    return np.column_stack(
        [
            random.lognormal(2, 1, rows),
            random.exponential(300, rows),
            random.gamma(0.7, 40, rows),
            random.pareto(4, rows) + 1,
        ]
    )


def ratios(random: np.random.Generator, rows: int) -> Array:
    """Ratios around 1, whose logarithms have mean 0 by nature; (rows, 5) float64."""
    return random.lognormal(0, [0.4, 0.7, 1.0, 0.5, 0.8], size=(rows, 5))


def walks(random: np.random.Generator, rows: int) -> Array:
    """Windows of three slow series on three scales; (rows, 10, 3) float64."""
    paths: Array = random.normal(size=(rows, 1, 3)) + random.normal(0, 0.35, (rows, 10, 3)).cumsum(1)
    return paths * [4.0, 300.0, 0.02] + [18.0, 2500.0, 0.3]


def stamps(random: np.random.Generator, rows: int) -> Array:
    """Seconds since 1970 within some minutes, metres in a grid far from its origin, and a small number; (rows, 4) float64."""
    seconds = 1.7e9 + random.uniform(0, 900, rows)
    return np.column_stack(
        [
            seconds,
            5.4e6 + random.normal(0, 2, rows),
            3.2e6 + random.normal(0, 1, rows),
            random.normal(0, 1, rows),
        ]
    )


def standard(random: np.random.Generator, rows: int) -> Array:
    """Features that have mean 0 and deviation 1 by nature; (rows, 6) float64."""
    return random.normal(size=(rows, 6))


def orders(random: np.random.Generator, rows: int) -> Array:
    """Items, age in years, days since the last order, stars and a price: whole numbers but for the last; (rows, 5) float64."""
    counts = [
        random.poisson(3, rows),
        random.integers(18, 90, rows),
        random.geometric(0.02, rows),
        random.integers(1, 6, rows),
    ]
    return np.column_stack([*counts, random.gamma(2, 30, rows)]).astype("float64")


def shares(random: np.random.Generator, rows: int) -> Array:
    """Shares that fill 0 to 1 by nature; (rows, 5) float64."""
    return random.beta(0.8, 0.8, size=(rows, 5))


def one_hot(random: np.random.Generator, rows: int) -> Array:
    """One of seven categories, the last of them rare, and two numbers; (rows, 9) float64."""
    kinds = np.eye(7)[random.choice(7, size=rows, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.04, 0.01])]
    return np.column_stack([kinds, random.normal(170, 9, rows), random.exponential(5, rows)])


def with_constant(random: np.random.Generator, rows: int) -> Array:
    """Weather with a column that never changes; (rows, 7) float64."""
    return np.insert(weather(random, rows), 2, 7.0, axis=1)


def heavy(random: np.random.Generator, rows: int) -> Array:
    """Twelve features whose tails have no variance to speak of; (rows, 12) float64."""
    return np.linspace(1, 50, 12) * random.standard_t(2.2, size=(rows, 12))


def answers(random: np.random.Generator, rows: int) -> Array:
    """Twenty-four yes or no, some nearly always no; (rows, 24) float64."""
    return (random.random(size=(rows, 24)) < np.linspace(0.02, 0.6, 24)).astype("float64")


def gappy(random: np.random.Generator, rows: int) -> Array:
    """People of whom some numbers are missing; (rows, 5) float64 with NaN."""
    values = people(random, rows)
    values[random.random(size=values.shape) < 0.06] = np.nan
    return values


def doses(random: np.random.Generator, rows: int) -> Array:
    """Mixtures of six parts of very different total; (rows, 6) float64."""
    return random.gamma(2.0, 1.0, size=(rows, 6)) * random.lognormal(1.0, 1.0, size=(rows, 1))


# --- networks


def perceptron(features: int) -> Any:
    """Two hidden layers and a number."""
    parts = [
        layers.Dense(40, activation="tanh"),
        layers.Dense(40, activation="tanh"),
        layers.Dense(1, name="head"),
    ]
    return keras.Sequential([keras.Input((features,)), *parts])


def classifier(features: int) -> Any:
    """One wide hidden layer, a sigmoid."""
    return keras.Sequential(
        [
            keras.Input((features,)),
            layers.Dense(64, activation="elu"),
            layers.Dense(1, activation="sigmoid", name="head"),
        ]
    )


def residual(features: int) -> Any:
    """Residual blocks with LayerNormalization and three classes."""
    rows = keras.Input((features,))
    hidden = layers.Dense(32, activation="tanh")(rows)
    for _ in range(2):
        hidden = hidden + layers.Dense(32, activation="gelu")(layers.LayerNormalization()(hidden))
    return keras.Model(rows, layers.Dense(3, activation="softmax", name="head")(hidden))


def two_heads(features: int) -> Any:
    """A price and a class from one trunk."""
    rows = keras.Input((features,))
    trunk = layers.Dense(48, activation="selu")(rows)
    outputs = {
        "price": layers.Dense(1, name="head")(trunk),
        "kind": layers.Dense(3, activation="softmax", name="head_1")(trunk),
    }
    return keras.Model(rows, outputs)


def recurrent(features: int) -> Any:
    """An LSTM over ten steps."""
    return keras.Sequential([keras.Input((10, features)), layers.LSTM(24), layers.Dense(1, name="head")])


def convolutional(features: int) -> Any:
    """Convolutions over ten steps."""
    parts = [layers.Conv1D(12, 3, activation="tanh"), layers.Flatten(), layers.Dense(2, name="head")]
    return keras.Sequential([keras.Input((10, features)), *parts])


def mixed_columns() -> Any:
    """Two scalers for two groups of columns, which come out in another order than they go in."""
    return ColumnTransformer(
        [
            ("plain", StandardScaler(), [0, 3]),
            ("skewed", PowerTransformer(), [1, 2]),
            ("even", MinMaxScaler(), [4]),
        ]
    )


def logged() -> Any:
    """Logarithms first."""
    return make_pipeline(FunctionTransformer(np.log1p), StandardScaler())


def logged_ratios() -> Any:
    """Logarithms that are defined for positive numbers alone."""
    return make_pipeline(FunctionTransformer(np.log), StandardScaler())


def both_sides() -> Any:
    """A range from -1 to 1."""
    return MinMaxScaler((-1, 1))


def imputing() -> Any:
    """Medians for what is missing, then standardised."""
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def quantiles() -> Any:
    """Ranks among a hundred quantiles, as normal deviates."""
    return QuantileTransformer(n_quantiles=100, output_distribution="normal")


PEOPLE = ("age", "income", "debt", "rooms", "score")

WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World(name="people standard", table=people, scaler=StandardScaler, network=perceptron),
        World(name="people minmax", table=people, scaler=MinMaxScaler, network=classifier),
        World(name="people mixed", table=people, scaler=mixed_columns, network=residual),
        World(name="people named", table=people, scaler=StandardScaler, network=perceptron, columns=PEOPLE),
        World(name="people gappy", table=gappy, scaler=imputing, network=classifier),
        World(name="weather standard", table=weather, scaler=StandardScaler, network=two_heads),
        World(name="weather robust", table=weather, scaler=RobustScaler, network=residual),
        World(name="weather maxabs", table=weather, scaler=MaxAbsScaler, network=perceptron),
        World(name="weather constant", table=with_constant, scaler=StandardScaler, network=perceptron),
        World(name="skewed standard", table=skewed, scaler=StandardScaler, network=classifier),
        World(name="skewed power", table=skewed, scaler=PowerTransformer, network=perceptron),
        World(name="skewed quantile", table=skewed, scaler=quantiles, network=two_heads),
        World(name="skewed logged", table=skewed, scaler=logged, network=perceptron),
        World(name="ratios logged", table=ratios, scaler=logged_ratios, network=perceptron),
        World(name="walks standard", table=walks, scaler=StandardScaler, network=recurrent),
        World(name="walks minmax", table=walks, scaler=MinMaxScaler, network=convolutional),
        World(name="stamps standard", table=stamps, scaler=StandardScaler, network=perceptron),
        World(name="standard standard", table=standard, scaler=StandardScaler, network=classifier),
        World(name="shares minmax", table=shares, scaler=MinMaxScaler, network=perceptron),
        World(name="kinds standard", table=one_hot, scaler=StandardScaler, network=residual),
        World(name="kinds minmax", table=one_hot, scaler=MinMaxScaler, network=classifier),
        World(name="heavy robust", table=heavy, scaler=RobustScaler, network=two_heads),
        World(name="answers standard", table=answers, scaler=StandardScaler, network=perceptron),
        World(name="weather both sides", table=weather, scaler=both_sides, network=classifier),
        World(name="doses normalizer", table=doses, scaler=Normalizer, network=perceptron),
    )
}
"""Worlds with a scaler, by name: what the rows are, and what scales them."""
