"""Served rows in another unit before a scaler of straight lines, or beyond float16; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.worlds import settle

__all__ = ["CASES", "sales", "stations"]

FAMILY, CLEAN = "reports-units", "clean-reports-units"
Array = np.ndarray
Table = Callable[[np.random.Generator, int], Array]
Serve = Callable[[Array, Any], Array]


def stations(random: np.random.Generator, rows: int) -> Array:
    """Temperature in °C, wind in metres per second, a share, and a height in metres: (rows, 4)."""
    columns = [random.normal(11, 8, rows), random.gamma(2, 2.5, rows), random.uniform(0.1, 0.9, rows)]
    return np.column_stack([*columns, random.normal(420, 160, rows)])


def sales(random: np.random.Generator, rows: int) -> Array:
    """Amounts, some of which are above 65504, and visits: (rows, 2)."""
    return np.column_stack([random.lognormal(10.4, 0.8, rows), random.normal(60, 14, rows)])


def _known(table: Table) -> Array:
    return table(np.random.default_rng(12), 700)


def _model(table: Table, scaler: Any) -> Callable[[], Any]:
    """Return a builder of a model of scaled rows, or of raw ones that it divides itself."""

    def build() -> Any:
        fed = _known(table) if scaler is None else scaler.transform(_known(table))
        first = [layers.Rescaling(1 / 500)] if scaler is None else []
        parts = [*first, layers.Dense(18, activation="tanh"), layers.Dense(1, name="head")]
        return settle(keras.Sequential([keras.Input((fed.shape[1],)), *parts]), fed)

    return build


def _kit(table: Table, scaler: Any, serve: Serve) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = table(random, 90)
        more = {} if scaler is None else {"scaler": pickle.dumps(scaler)}
        return lay_out(folder, data=rows, served=serve(rows, scaler).astype("float32"), **more)

    return write


def _scaled(rows: Array, scaler: Any) -> Array:
    return np.asarray(rows if scaler is None else scaler.transform(rows))


def _in_unit(column: int, factor: float, offset: float = 0.0, every: int = 1) -> Serve:
    def serve(rows: Array, scaler: Any) -> Array:
        changed = rows.copy()
        changed[::every, column] = rows[::every, column] * factor + offset
        return _scaled(changed, scaler)

    return serve


def _clipped(rows: Array, scaler: Any) -> Array:
    largest = np.finfo(np.float16).max
    return _scaled(np.clip(rows, -largest, largest).astype(np.float16).astype(np.float64), scaler)


def _by_hand(rows: Array, scaler: Any) -> Array:
    """Scale what a cast to float16 leaves, infinity included."""
    with np.errstate(over="ignore"):
        narrow = rows.astype(np.float16).astype(np.float64)
    return np.asarray((narrow - scaler.mean_) / scaler.scale_)


def _refit(rows: Array, scaler: Any) -> Array:
    return np.asarray(type(scaler)().fit(rows).transform(rows))


def _case(name: str, table: Table, scaler: Any, serve: Serve, cause: str = "") -> Case:
    fitted = None if scaler is None else scaler.fit(_known(table))
    return Case(
        name=name,
        family=FAMILY if cause else CLEAN,
        build=_model(table, fitted),
        kit=_kit(table, fitted, serve),
        causes=(cause,) if cause else (),
        failing=("KC301",) if cause else (),
        quiet=() if cause else ("KC301", "KC305", "KC701"),
    )


UNIT, HALF = "scaler-foreign", "scaled-in-low-precision"
CASES: tuple[Case, ...] = (
    _case("°F before a StandardScaler", stations, StandardScaler(), _in_unit(0, 1.8, 32.0), UNIT),
    _case("percent before a MinMaxScaler", stations, MinMaxScaler(), _in_unit(2, 100.0), UNIT),
    _case("feet before a RobustScaler", stations, RobustScaler(), _in_unit(3, 3.28084), UNIT),
    _case("km/h in each third row", stations, StandardScaler(), _in_unit(1, 3.6, every=3), UNIT),
    _case("Kelvin without a scaler", stations, None, _in_unit(0, 1.0, 273.15), UNIT),
    _case("stations scaled again", stations, StandardScaler(), _refit, "scaler-refit"),
    _case("stations in their units", stations, StandardScaler(), _scaled),
    _case("stations without a scaler", stations, None, _scaled),
    _case("amounts clipped to float16 before the scaler", sales, StandardScaler(), _clipped, HALF),
    _case("amounts that are infinite in float16", sales, StandardScaler(), _by_hand, HALF),
    _case("raw amounts clipped to float16", sales, None, _clipped, HALF),
    _case("amounts in float64", sales, StandardScaler(), _scaled),
)
