"""Planted faults of the rows themselves: drift, and missing values that nothing fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.corpus.cases import Case
from tests.corpus.faults_normalization import beside
from tests.corpus.kits import Kit, Rework, as_is
from tests.corpus.mistakes import rightly
from tests.corpus.normalised import WEATHER, dense
from tests.corpus.worlds import WORLDS, Array, World, weather

__all__ = ["CASES"]

FAMILY = "drift"
DRIFT, BROKEN, FILLED = ("distribution-shift",), ("non-finite-input",), ("gaps-filled-otherwise",)


def in_column(column: int, change: Callable[[Array], Array]) -> Rework:
    """Change one feature of the rows."""

    def rework(world: World, rows: Array) -> Array:
        changed = rows.copy()
        changed[..., column] = change(changed[..., column])
        return changed

    return rework


def moved(deviations: float) -> Callable[[Array], Array]:
    """Shift values by a number of their own standard deviations."""
    return lambda values: values + deviations * values.std()


def holes(*rows: int, value: float = float("nan")) -> Callable[[Array], Array]:
    """Replace the values of these rows."""

    def punch(values: Array) -> Array:
        values = values.copy()
        values[list(rows)] = value
        return values

    return punch


def in_gaps(value: float) -> Rework:
    """Replace missing values by a number before the rows reach the pipeline."""
    return lambda world, rows: np.where(np.isnan(rows), value, rows)


def served_with_holes(world: World, rows: Array) -> Array:
    """Scale correctly and lose one number on the way."""
    return in_column(1, holes(4))(world, rightly(world, rows))


def drifted_weather(random: np.random.Generator) -> Any:
    """Weather two deviations warmer."""
    rows = weather(random, 200)
    rows[:, [0, 4, 5]] += 14.0
    return rows.astype("float32")


def _case(
    name: str,
    world: str,
    *,
    causes: tuple[str, ...] = DRIFT,
    failing: tuple[str, ...] = (),
    warning: tuple[str, ...] = (),
    **kit: Any,
) -> Case:
    chosen = WORLDS[world]
    return Case(
        name=name,
        family=FAMILY,
        build=chosen.model,
        kit=Kit(world=chosen, **kit),
        failing=failing,
        warning=warning,
        causes=causes,
    )


NEWS = ("KC702",)
STRICT = {"distribution-shift": {"effect": 0.3, "severity": "fail"}}

CASES: tuple[Case, ...] = (
    _case(
        "one feature a deviation off",
        "weather standard",
        warning=NEWS,
        data=in_column(1, moved(1.0)),
        reference=as_is,
        rows=250,
    ),
    _case(
        "one feature half as wide",
        "people standard",
        warning=NEWS,
        data=in_column(0, lambda values: values.mean() + 0.4 * (values - values.mean())),
        reference=as_is,
        rows=250,
    ),
    _case(
        "Fahrenheit for Celsius",
        "weather robust",
        warning=NEWS,
        data=in_column(0, lambda values: 1.8 * values + 32),
        rows=200,
    ),
    _case(
        "grams for kilograms",
        "people minmax",
        warning=NEWS,
        data=in_column(2, lambda values: 1000 * values),
        rows=200,
    ),
    _case(
        "drifted series",
        "walks standard",
        warning=NEWS,
        data=in_column(1, moved(2.0)),
        reference=as_is,
        rows=150,
    ),
    _case(
        "a category that never came",
        "kinds standard",
        warning=NEWS,
        data=in_column(0, np.zeros_like),
        reference=as_is,
        rows=250,
    ),
    _case(
        "a drift that may not be",
        "people mixed",
        failing=NEWS,
        data=in_column(4, moved(0.6)),
        reference=as_is,
        rows=300,
        options=STRICT,
    ),
    Case(
        name="drift that a normalization remembers",
        family=FAMILY,
        build=lambda: dense(WEATHER),
        data=drifted_weather,
        warning=NEWS,
        causes=DRIFT,
    ),
    Case(
        name="drift of what a preprocess gets",
        family=FAMILY,
        build=lambda: dense(WEATHER),
        warning=NEWS,
        causes=DRIFT,
        kit=beside(
            drifted_weather, preprocess="def prepare(rows):\n    return rows * 1.0\n", reference=WEATHER
        ),
    ),
    _case(
        "gaps filled with 0 on the way",
        "people gappy",
        warning=NEWS,
        causes=FILLED,
        data=in_gaps(0.0),
        reference=as_is,
        rows=250,
    ),
    _case(
        "gaps filled with -1 on the way",
        "people gappy",
        warning=NEWS,
        causes=FILLED,
        data=in_gaps(-1.0),
        reference=as_is,
        rows=250,
    ),
    _case(
        "missing numbers that nothing fills",
        "people standard",
        failing=("KC701",),
        causes=BROKEN,
        data=in_column(2, holes(3, 40)),
    ),
    _case(
        "missing numbers in windows",
        "walks minmax",
        failing=("KC701",),
        causes=BROKEN,
        data=in_column(0, holes(9)),
    ),
    _case(
        "one missing number far down",
        "weather standard",
        failing=("KC701",),
        causes=BROKEN,
        data=in_column(3, holes(2877)),
        rows=3000,
    ),
    _case(
        "a missing number in what was served",
        "weather maxabs",
        failing=("KC701", "KC301"),
        causes=(),
        served=served_with_holes,
    ),
)
