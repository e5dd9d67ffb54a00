"""The central parts of columns: sizes that differ, whatever the extreme values are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.checks.central_range import (
    differ_by_factor,
    has_same_centre,
    spread_ratios,
)
from tests.helpers.described import columns_of

FACTOR = 20.0
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "uniform": lambda random, shape: random.random(shape),
    "Pareto": lambda random, shape: random.pareto(0.7, shape) + 1,
    "lognormal": lambda random, shape: np.exp(2 * random.normal(size=shape)),
    "Cauchy": lambda random, shape: random.standard_cauchy(shape),
    "flag": lambda random, shape: (random.random(shape) < 0.3) * 1.0,
    "mostly 0": lambda random, shape: random.pareto(1, shape) * (random.random(shape) < 0.05),
    "sentinel": lambda random, shape: np.where(random.random(shape) < 0.02, -999, random.normal(size=shape)),
}


def differ(rows: np.ndarray, known: np.ndarray) -> bool:
    return differ_by_factor(columns_of(rows), columns_of(known), FACTOR)


@pytest.mark.parametrize("draw", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_samples_of_one_distribution_seldom_differ(draw: Draw) -> None:
    random = np.random.default_rng(0)
    known = draw(random, (20_000, 2))
    wrong = sum(differ(draw(random, (rows, 2)), known) for rows in (2, 5, 16, 64) for _ in range(25))
    assert wrong <= 2


@pytest.mark.parametrize("factor", [57.3, 255.0, 1 / 57.3, 1 / 255.0])
@pytest.mark.parametrize("rows", [6, 64])
@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_a_different_unit_is_found_in_few_rows_too(name: str, rows: int, factor: float) -> None:
    random = np.random.default_rng(1)
    known, new = (DISTRIBUTIONS[name](random, (count, 2)) for count in (2000, rows))
    assert differ(new * factor, known)


def test_a_different_unit_is_found_next_to_extreme_values() -> None:
    random = np.random.default_rng(2)
    known, rows = random.random((2000, 2)), random.random((64, 2)) * 255
    known[5] = 1e6
    assert differ(rows, known)
    assert differ(random.pareto(0.7, (64, 2)) * 255, random.pareto(0.7, (20_000, 2)))


def test_one_feature_of_the_same_size_is_enough_to_agree() -> None:
    random = np.random.default_rng(3)
    assert not differ(random.random((64, 3)) * [255, 255, 1], random.random((300, 3)))


def test_columns_without_values_or_width_have_no_ratio() -> None:
    (empty,), (constant,), (varied,) = map(
        columns_of, (np.full((9, 1), np.nan), np.ones((9, 1)), np.eye(9, 1))
    )
    assert spread_ratios(empty, varied) == spread_ratios(constant, varied) == ()
    assert not differ_by_factor([empty], [varied], FACTOR)
    assert not has_same_centre(empty, varied)
    assert has_same_centre(constant, constant)


@pytest.mark.parametrize(
    ("rows", "same"), [(0.0, True), (0.5, True), (30.0, False)], ids=["same", "moved", "elsewhere"]
)
def test_extreme_values_do_not_move_the_centre(rows: float, same: bool) -> None:
    random = np.random.default_rng(4)
    known = random.normal(size=(400, 1))
    known[7] = 1e4
    (column,), (trained,) = columns_of(random.normal(rows, 1, (80, 1))), columns_of(known)
    assert has_same_centre(column, trained) is same
