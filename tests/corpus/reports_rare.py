"""Models in which a rare row changes its batch, or is the only one that the batch changes; and twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, Rows
from tests.corpus.reports_rare_layers import Capped, Gated, Kept, Numbered, SeveralRaised

__all__ = ["CASES", "rows_with"]

FAMILY = "reports-rare"
OBJECTS = ("--custom-objects", str(Path(__file__).with_name("reports_rare_layers.py")))
NAME = "rare"
QUIET = ("KC101", "KC102", "KC103", "KC104")


def rows_with(*rare: int) -> Maker:
    """Return a maker of rows of which only these have a first feature far above the second."""

    def make(random: np.random.Generator) -> Rows:
        rows = np.clip(random.normal(size=(96, 7)), -1.0, 1.0).astype("float32")
        rows[list(rare), 0], rows[list(rare), 1] = 3.0, -3.0
        return rows

    return make


def table(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a builder of a classifier that begins with this layer."""

    def build() -> Any:
        last = [layers.Dense(8, activation="tanh"), layers.Dense(3, activation="softmax")]
        return keras.Sequential([keras.Input((7,)), make(), *last])

    return build


def _case(name: str, make: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return Case(name=name, family=FAMILY, build=table(make), data=data, args=OBJECTS, **expected)


def _mixing(name: str, make: Callable[[], Any], data: Maker, *failing: str) -> Case:
    causes = ("cross-sample-dependence",)
    return _case(name, make, data, causes=causes, layer=NAME, failing=failing or ("KC101",))


def _clean(name: str, make: Callable[[], Any], data: Maker) -> Case:
    return _case(name, make, data, quiet=QUIET)


def long_table(random: np.random.Generator) -> Rows:
    """Rows of which one has a first feature far above the second; it is not in the sample of all rows."""
    rows = np.clip(random.normal(size=(1500, 7)), -1.0, 1.0).astype("float32")
    rows[777, 0], rows[777, 1] = 3.0, -3.0
    return rows


ONE, FEW, CROWD = rows_with(70), rows_with(11, 37, 80), rows_with(3, 13, 41, 50, 75, 85)
CASES: tuple[Case, ...] = (
    _mixing("scaled if any row is high", lambda: Gated(name=NAME), ONE),
    _mixing("scaled if all rows are high", lambda: Gated("all", name=NAME), FEW),
    _mixing("scaled if three rows are high", lambda: SeveralRaised(name=NAME), CROWD, "KC102", "KC104"),
    _mixing("capped by the highest row", lambda: Capped(name=NAME), ONE),
    _mixing("mean of the first rows kept", lambda: Kept(name=NAME), FEW, "KC101", "KC103", "KC203"),
    _clean("mean of training rows kept", lambda: Kept(by_row=True, name=NAME), FEW),
    _clean("scaled where a row is high", lambda: Gated(by_row=True, name=NAME), ONE),
    _clean("scaled where rows are high", lambda: SeveralRaised(by_row=True, name=NAME), CROWD),
    _clean("capped row by row", lambda: Capped(by_row=True, name=NAME), FEW),
    _clean("high rows moved by themselves", lambda: Numbered(by_row=True, name=NAME), FEW),
    *(
        replace(case, args=(*OBJECTS, "--rows", "all"))
        for case in (
            _mixing("scaled if any row of many is high", lambda: Gated(name=NAME), long_table),
            _clean("scaled where a row of many is high", lambda: Gated(by_row=True, name=NAME), long_table),
        )
    ),
    _case(
        "high rows moved by their place",
        lambda: Numbered(name=NAME),
        FEW,
        causes=("batch-size-dependence",),
        layer=NAME,
        failing=("KC101",),
    ),
)
