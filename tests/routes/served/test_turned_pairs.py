"""Sine and cosine of a shifted time are recognised by their angle, scaled or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.scaling.column_distance import ColumnComparison
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.turned_pairs import TurnedPair, find_turned_pairs
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
HOURS = np.random.default_rng(0).integers(0, 24, 120)
LEVELS = np.random.default_rng(1).normal(size=(120, 2))


def circle(values: Array, period: int = 24) -> Array:
    angle = 2 * np.pi * values / period
    return np.stack([np.sin(angle), LEVELS[:, 0], np.cos(angle)], axis=1)


def scaled(rows: Array) -> Array:
    return (rows - [0.1, 0.2, -0.3]) / [0.5, 2.0, 0.9]


def turned(served: Array, expected: Array) -> list[tuple[tuple[int, int], int]]:
    comparison = ColumnComparison.of(served.astype("float32"), expected.astype("float32"))
    columns = np.flatnonzero(comparison.wrong.any(axis=0)).tolist()
    return [(each.columns, round(each.degrees)) for each in find_turned_pairs(comparison, columns)]


@pytest.mark.parametrize(("hours", "degrees"), [(2, 30), (-1, 15), (12, 180), (6, 90), (0.4, 6)])
@pytest.mark.parametrize("scale", [np.copy, scaled], ids=["unscaled", "scaled"])
def test_a_shifted_hour(hours: float, degrees: int, scale: Callable[[Array], Array]) -> None:
    served, expected = (scale(circle(each)) for each in (HOURS + hours, HOURS))
    assert turned(served, expected) == [((0, 2), degrees)]


@pytest.mark.parametrize("hours", [2, 6, 12, 18])
def test_a_turn_comes_before_exchanged_columns(hours: int) -> None:
    served, expected = circle(HOURS + hours), circle(HOURS)
    served[:, 1] += np.sin(np.arange(120))
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    kinds = [(each.kind.partition(":")[0], each.columns) for each in match.mistakes]
    assert kinds == [("turned", (0, 2)), ("unknown", (1,))]


def test_a_shifted_weekday() -> None:
    assert turned(circle(HOURS % 7 + 1, 7), circle(HOURS % 7, 7)) == [((0, 2), 51)]


@pytest.mark.parametrize(
    "serve",
    [
        lambda rows: rows[:, [2, 1, 0]],
        lambda rows: rows * [2.0, 1.0, 2.0],
        lambda rows: circle(HOURS + np.arange(120) % 2),
        lambda rows: rows[::-1],
        lambda rows: np.full_like(rows, np.nan),
    ],
    ids=["exchanged", "another scale", "some rows", "another order", "NaN"],
)
def test_other_mistakes_are_no_turn(serve: Callable[[Array], Array]) -> None:
    assert turned(serve(circle(HOURS)), circle(HOURS)) == []


def test_coordinates_are_not_on_a_circle() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    assert turned(LEVELS @ turn, LEVELS) == []


def test_a_constant_column_is_not_on_a_circle() -> None:
    expected = circle(HOURS) * [1.0, 0.0, 1.0]
    assert turned(expected + np.array([0.0, 0.5, 0.3]), expected) == []


@pytest.mark.parametrize(
    ("hours", "degrees", "count"),
    [
        (np.where(np.arange(120) > 70, 1, 0), "15", 49),
        (np.where(HOURS >= 12, 12, 0), "180", int((HOURS >= 12).sum())),
        (np.where(np.arange(120) % 3 == 0, 2, 0), "30", 40),
    ],
    ids=["daylight saving time", "a clock of 12 hours", "one of three sources"],
)
def test_a_shift_of_some_rows(hours: Array, degrees: str, count: int) -> None:
    served, expected = circle(HOURS + hours), circle(HOURS)
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    assert [(each.kind, each.columns, each.hit) for each in match.mistakes] == [
        (f"turned:{degrees}", (0, 2), count)
    ]


def test_different_shifts_of_some_rows_are_no_turn() -> None:
    served, expected = circle(HOURS + np.arange(120) % 5), circle(HOURS)
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    assert all(not each.kind.startswith("turned") for each in match.mistakes)


@pytest.mark.parametrize(
    ("degrees", "kind"),
    [
        (15.0, "turned"),
        (82.5, "turned"),
        (30.004, "turned"),
        (360 / 7, "turned-calendar"),
        (1080 / 7, "turned-calendar"),
        (360 / 365, "turned-calendar"),
    ],
)
def test_half_hours_are_told_from_days(degrees: float, kind: str) -> None:
    assert TurnedPair(columns=(0, 1), degrees=degrees).kind == kind
