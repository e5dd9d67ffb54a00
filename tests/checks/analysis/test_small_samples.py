"""Statistics that only a few rows of whole numbers can have, and those that many rows have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_consistency_cli.checks.analysis.small_samples import SmallSample, find_small_sample
from tests.helpers.described import columns_of


def orders(rows: int, seed: int) -> np.ndarray:
    """Items, age, days since the last order, rooms, and a price that is not a whole number: (rows, 5)."""
    random = np.random.default_rng(seed)
    whole = [
        random.poisson(3, rows),
        random.integers(18, 90, rows),
        random.geometric(0.02, rows),
        random.integers(1, 9, rows),
    ]
    return np.column_stack([*whole, random.gamma(2, 30, rows)]).astype(np.float64)


NOW = columns_of(orders(300, 1))


def statistics(rows: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and deviation as adapt() computes them from float32 rows."""
    narrow = rows.astype(np.float32)
    return narrow.mean(axis=0).astype(float).tolist(), np.sqrt(narrow.var(axis=0)).astype(float).tolist()


@pytest.mark.parametrize("rows", [2, 3, 5, 7, 9])
def test_few_rows_are_recognised_by_mean_and_variance(rows: int) -> None:
    found = [find_small_sample(NOW, *statistics(orders(rows, seed))) for seed in range(20)]
    counts = [each.rows for each in found if each is not None]
    assert len(counts) >= 18  # by chance a few rows can look like many
    assert all(rows % each == 0 for each in counts)


@pytest.mark.parametrize("rows", [20, 30, 40, 50, 64, 100, 400, 5000])
def test_many_rows_are_never_few(rows: int) -> None:
    assert [find_small_sample(NOW, *statistics(orders(rows, seed))) for seed in range(60)] == [None] * 60


def test_features_that_are_not_whole_numbers_show_nothing() -> None:
    columns = tuple(replace(each, whole=False) for each in NOW)
    assert find_small_sample(columns, *statistics(orders(3, 2))) is None


def test_one_feature_alone_may_be_chance() -> None:
    alone = orders(3, 2)[:, 1:2]
    assert find_small_sample(NOW[1:2], *statistics(alone)) is None


def test_levels_that_were_balanced_on_purpose_are_not_few_rows() -> None:
    design = np.stack(
        np.meshgrid([0.0, 5.0, 20.0], [1.0, 2.0, 6.0, 7.0], [10.0, 20.0, 30.0]), axis=-1
    ).reshape(-1, 3)
    assert find_small_sample(columns_of(np.tile(design, (9, 1))), *statistics(design)) is None


def test_statistics_that_the_rows_have_too_are_not_few_rows() -> None:
    week = np.column_stack([np.arange(700) % 7, np.arange(700) % 24]).astype(float)
    assert find_small_sample(columns_of(week), *statistics(week)) is None


def test_flags_and_numbers_count_together() -> None:
    random = np.random.default_rng(3)
    flags = (random.random((300, 2)) < 0.4).astype(float)
    few = np.column_stack([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [31.0, 54.0, 29.0]])
    columns = columns_of(np.column_stack([flags, orders(300, 1)[:, 1]]))
    assert find_small_sample(columns, *statistics(few)) == SmallSample(rows=3, flags=2, numbers=1)
