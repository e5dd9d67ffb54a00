"""Served rows behind transformers that widen, encode or clip, and windows that overlap; and healthy twins."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out

__all__ = ["CASES"]

TRAINED = 300
"""Rows of training; there are fewer later."""
FAMILY, CLEAN = "reports-transformers", "clean-reports-transformers"
Array = np.ndarray
Tables = Callable[[np.random.Generator, int], Any]
"""So many rows, as an array or a frame."""
Serve = Callable[[Any, Any], Array]
"""What serving makes of rows, with the saved transformer."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Rows, and the transformer that was fitted on others of them."""

    table: Tables
    transformer: Callable[[], Any]

    def served(self, serve: Serve | None, *, dtype: str = "float32") -> Writer:
        """Return a kit with what serving made of the rows; without `serve`, with the rows only."""

        def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
            fitted = self.transformer().fit(self.table(random, TRAINED))
            rows = self.table(random, 80)
            data = rows.to_csv(index=False) if isinstance(rows, pandas.DataFrame) else rows
            served = None if serve is None else serve(fitted, rows).astype(dtype)
            return lay_out(folder, data=data, scaler=pickle.dumps(fitted), served=served)

        return write


def rightly(transformer: Any, rows: Any) -> Array:
    """Transform with what was saved."""
    return np.asarray(transformer.transform(rows))


def refitted(transformer: Any, rows: Any) -> Array:
    """Fit again on the rows of the service."""
    return np.asarray(clone(transformer).fit_transform(rows))


def table(features: int) -> Any:
    """Dense layers."""
    inputs = keras.Input((features,), name="x")
    return keras.Model(inputs, layers.Dense(2)(layers.Dense(9, activation="tanh")(inputs)))


# One-hot columns


def tenants(random: np.random.Generator, rows: int) -> pandas.DataFrame:
    """A region and two numbers."""
    return pandas.DataFrame(
        {
            "region": random.choice(["north", "south", "west"], rows),
            "income": random.gamma(4, 9000, rows).round(),
            "age": random.integers(19, 80, rows),
        }
    )


def one_hot_first() -> Any:
    """The regions in front of the scaled numbers."""
    return ColumnTransformer(
        [
            ("region", OneHotEncoder(sparse_output=False), ["region"]),
            ("numbers", StandardScaler(), ["income", "age"]),
        ]
    )


def numbers_first(transformer: Any, rows: Any) -> Array:
    """Put the scaled numbers in front of the regions."""
    return rightly(transformer, rows)[:, [3, 4, 0, 1, 2]]


def age_by_hand(transformer: Any, rows: Any) -> Array:
    """Scale one column by numbers of serving's own."""
    served = rightly(transformer, rows)
    served[:, 4] = (rows["age"] - 40) / 10
    return served


def days(random: np.random.Generator, rows: int) -> Array:
    """An hour and two levels."""
    return np.column_stack([random.uniform(0, 24, rows), random.normal([20, 60], [6, 12], (rows, 2))])


def hours_in_bins() -> Any:
    """Four flags of the hour, and the scaled levels."""
    hours = KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    return ColumnTransformer([("hour", hours, [0]), ("levels", StandardScaler(), [1, 2])])


TENANTS = _Source(table=tenants, transformer=one_hot_first)
DAYS = _Source(table=days, transformer=hours_in_bins)

# Codes of words


def garments(random: np.random.Generator, rows: int) -> pandas.DataFrame:
    """Two columns of words; the first 300 rows are those of training, and later ones have new words."""
    new = ["pink"] if rows < TRAINED else []
    return pandas.DataFrame(
        {
            "colour": random.choice(["black", "blue", "green", "red", *new], rows),
            "size": random.choice(["L", "M", "S", "XL"], rows),
        }
    )


def few_garments(random: np.random.Generator, rows: int) -> pandas.DataFrame:
    """Two columns of words, of which later rows lack the first ones."""
    start = 0 if rows == TRAINED else 1
    colours, sizes = ["black", "blue", "green", "red"], ["L", "M", "S", "XL"]
    return pandas.DataFrame(
        {"colour": random.choice(colours[start:], rows), "size": random.choice(sizes[start:], rows)}
    )


def codes_of(unknown: int) -> Callable[[], Any]:
    """An encoder with this code for unknown words."""
    return partial(OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=unknown, dtype="int64")


def looked_up(first: int) -> Callable[[], Any]:
    """Embeddings of five rows for two codes that count from `first`."""

    def build() -> Any:
        codes = keras.Input((2,), dtype="int64", name="codes")
        places = codes - first
        found = [layers.Embedding(5, 4, name=f"table_{at}")(places[:, at]) for at in range(2)]
        hidden = layers.Dense(8, activation="tanh")(layers.Concatenate()(found))
        return keras.Model(codes, layers.Dense(1, name="price")(hidden))

    return build


BELOW, BEYOND = (_Source(table=garments, transformer=codes_of(code)) for code in (-1, 4))
FEW = _Source(table=few_garments, transformer=codes_of(-1))

# Clipping


def levels(random: np.random.Generator, rows: int) -> Array:
    """Three levels; in later rows, two are far beyond those of training."""
    spread = np.array([4.0, 1.0, 30.0])
    found = random.normal([20.0, 5.0, 100.0], spread, (rows, 3))
    if rows != TRAINED:
        found[[3, 50]] = [20.0, 5.0, 100.0] + np.array([[5.0], [-5.0]]) * spread
    return found


def clipping() -> Any:
    """A scaler to 0 and 1 that clips."""
    return MinMaxScaler(clip=True)


def clipping_some() -> Any:
    """Two columns that are clipped, and a standardized one."""
    return ColumnTransformer([("range", clipping(), [0, 1]), ("standard", StandardScaler(), [2])])


def by_formula(transformer: Any, rows: Any) -> Array:
    """Scale by the numbers of the scaler that clips, which is the last or the first step."""
    served = rightly(transformer, rows)
    scaler = transformer[-1] if hasattr(transformer, "steps") else transformer
    scaler = scaler.named_transformers_["range"] if hasattr(scaler, "transformers_") else scaler
    columns = scaler.n_features_in_
    served[:, :columns] = rows[:, :columns] * scaler.scale_ + scaler.min_
    return served


CLIPPED = {
    "a scaler": _Source(table=levels, transformer=clipping),
    "a pipeline": _Source(table=levels, transformer=lambda: make_pipeline(SimpleImputer(), clipping())),
    "two of three columns": _Source(table=levels, transformer=clipping_some),
}

# Digits


def patients(random: np.random.Generator, rows: int) -> Array:
    """Temperature, acidity and a level."""
    return random.normal([36.8, 7.4, 98], [0.6, 0.05, 1.1], (rows, 3))


def with_decimals(decimals: int) -> Serve:
    """Round before scaling."""
    return lambda transformer, rows: rightly(transformer, np.round(rows, decimals))


PATIENTS = _Source(table=patients, transformer=StandardScaler)

# Windows


def windows(length: int, scaled: bool, late: int, columns: Callable[[Array], Array] = np.copy) -> Writer:
    """Windows of one series, of which serving feeds the one that ended so many steps earlier."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        series = np.cumsum(random.normal(size=80 + length + 4)) + 50
        cut = sliding_window_view(series, length)
        rows, served = cut[4:], columns(cut[4 - late : len(cut) - late])
        if not scaled:
            return lay_out(folder, data=rows.astype("float32"), served=served.astype("float32"))
        scaler = StandardScaler().fit(rows)
        return lay_out(folder, data=rows, scaler=pickle.dumps(scaler), served=scaler.transform(served))

    return write


def _fault(name: str, build: Callable[[], Any], kit: Writer, *causes: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, failing=("KC301",), causes=causes)


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=("KC301", "KC303", "KC305"))


def _clipped() -> Iterator[Case]:
    build = partial(table, 3)
    for name, source in CLIPPED.items():
        yield _fault(f"not clipped, {name}", build, source.served(by_formula), "scaling-step-skipped")
        yield _clean(f"clipped, {name}", build, source.served(rightly))


ROUNDED = "scaled-in-low-precision"
_five, _six, _three = partial(table, 5), partial(table, 6), partial(table, 3)

CASES: tuple[Case, ...] = (
    _fault("numbers before one-hot columns", _five, TENANTS.served(numbers_first), "feature-order"),
    _fault("age scaled by hand beside one-hot columns", _five, TENANTS.served(age_by_hand), "scaler-foreign"),
    _fault("hours in bins, refitted", _six, DAYS.served(refitted), "scaler-refit"),
    _clean("one-hot columns before numbers", _five, TENANTS.served(rightly)),
    _clean("hours in bins", _six, DAYS.served(rightly)),
    _fault("codes of words fitted again", looked_up(-1), FEW.served(refitted, dtype="int64"), "scaler-refit"),
    _clean("codes of words", looked_up(-1), FEW.served(rightly, dtype="int64")),
    _clean("unknown words below the first code", looked_up(-1), BELOW.served(None)),
    _clean("unknown words beyond the last code", looked_up(0), BEYOND.served(None)),
    _clean("unknown words below, served", looked_up(-1), BELOW.served(rightly, dtype="int64")),
    *_clipped(),
    _fault(
        "one decimal before scaling", _three, PATIENTS.served(with_decimals(1)), "scaled-in-low-precision"
    ),
    _fault(
        "whole numbers before scaling", _three, PATIENTS.served(with_decimals(0)), "scaled-in-low-precision"
    ),
    _clean("all decimals before scaling", _three, PATIENTS.served(rightly)),
    _fault("windows of the row before", partial(table, 16), windows(16, True, 1), "row-order"),
    _fault("windows of three rows before", partial(table, 12), windows(12, True, 3), "row-order"),
    _fault("unscaled windows of the row before", partial(table, 24), windows(24, False, 1), "row-order"),
    _fault(
        "windows with the newest value first",
        partial(table, 16),
        windows(16, True, 0, lambda rows: rows[:, ::-1]),
        "feature-order",
    ),
    _fault(
        "windows whose first value went to the end",
        partial(table, 16),
        windows(16, False, 0, lambda rows: np.roll(rows, -1, axis=1)),
        "feature-order",
    ),
    _clean("windows in time", partial(table, 16), windows(16, True, 0)),
    _clean("unscaled windows in time", partial(table, 24), windows(24, False, 0)),
)
