"""Recorded outputs and a given scaler: rows that are stored scaled, and recordings without the scaler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from tests.corpus.cases import Case, save_rows
from tests.corpus.reports_recorded import tides

__all__ = ["CASES", "GivenScaler"]

FAMILY, CLEAN = "reports-recorded", "clean-reports-recorded"
TWICE = "scaler-applied-twice"


def _incomes(random: np.random.Generator, rows: int) -> np.ndarray:
    """Years of age, income and square metres: (rows, 3)."""
    return np.c_[random.normal(44, 11, rows), random.lognormal(10, 0.5, rows), random.gamma(6.0, 14.0, rows)]


@dataclass
class GivenScaler:
    """Rows, a scaler for them, and the outputs that were recorded.

    Args:
        table: creates raw rows.
        scaler: creates the scaler.
        stored: whether the rows of --data are raw or scaled.
        recorded: the rows whose outputs were recorded.
    """

    table: Callable[[np.random.Generator, int], np.ndarray]
    scaler: Callable[[], Any]
    stored: str
    recorded: str
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model."""
        width = self.table(np.random.default_rng(0), 1).shape[1]
        parts = [layers.Dense(20, activation="relu"), layers.Dense(12, activation="relu"), layers.Dense(1)]
        self.models[:] = [keras.Sequential([keras.Input((width,)), *parts])]
        return self.models[0]

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write the rows, the scaler and the recorded outputs."""
        scaler = self.scaler().fit(self.table(np.random.default_rng(8), 500))
        raw = self.table(random, 90)
        rows = {"raw": raw, "scaled": scaler.transform(raw)}
        outputs = self.models[0].predict(rows[self.recorded], verbose=0)
        joblib.dump(scaler, folder / "scaler.joblib")
        data, expected = save_rows(folder / "data", rows[self.stored]), save_rows(folder / "out", outputs)
        return ("--data", str(data), "--scaler", str(folder / "scaler.joblib"), "--expected", str(expected))


TIDES, INCOMES = partial(GivenScaler, tides), partial(GivenScaler, _incomes)


def _fault(name: str, made: GivenScaler, cause: str, *failing: str) -> Case:
    return Case(name=name, family=FAMILY, build=made.build, kit=made.kit, causes=(cause,), failing=failing)


def _clean(name: str, made: GivenScaler) -> Case:
    return Case(name=name, family=CLEAN, build=made.build, kit=made.kit, quiet=("KC303", "KC802"))


STORED_SCALED = (
    ("tides stored scaled, and a scaler", TIDES(StandardScaler, "scaled", "scaled")),
    ("incomes stored scaled, and a scaler of quantiles", INCOMES(RobustScaler, "scaled", "scaled")),
    ("incomes stored scaled, and a scaler of powers", INCOMES(PowerTransformer, "scaled", "scaled")),
)
RIGHT = (
    ("tides recorded with their scaler", TIDES(StandardScaler, "raw", "scaled")),
    ("incomes recorded with their scaler of quantiles", INCOMES(RobustScaler, "raw", "scaled")),
    ("incomes recorded with their scaler of powers", INCOMES(PowerTransformer, "raw", "scaled")),
)
CASES: tuple[Case, ...] = (
    *(_fault(name, made, TWICE, "KC303", "KC802") for name, made in STORED_SCALED),
    _fault(
        "tides recorded without their scaler",
        TIDES(MinMaxScaler, "raw", "raw"),
        "recorded-from-other-rows",
        "KC802",
    ),
    *(_clean(name, made) for name, made in RIGHT),
)
