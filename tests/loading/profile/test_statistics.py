"""Statistics of chunks add up to those of all rows, in memory that does not grow."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest

from keras_consistency_cli.loading.profile.statistics import MOST_COLUMNS, Statistics
from keras_consistency_cli.measurement.data_facts import QUANTILES, ColumnFact, RowsFact

ROWS = np.random.default_rng(1).normal([3.0, -2.0, 1e6], [1.0, 5.0, 0.5], (1000, 3))


def in_chunks(rows: np.ndarray, *sizes: int, backwards: bool = False) -> Statistics:
    ends = np.cumsum(sizes)
    pieces = [
        Statistics.of(rows[end - size : end], np.arange(end - size, end))
        for size, end in zip(sizes, ends, strict=True)
    ]
    return reduce(add, reversed(pieces) if backwards else pieces)


def test_facts_are_those_of_numpy() -> None:
    facts = Statistics.of(ROWS, np.arange(1000)).describe("x", ["a", "b", "c"])
    assert (facts.input, facts.rows, facts.shape, facts.bad_rows, facts.first_bad) == ("x", 1000, (3,), 0, ())
    for at, column in enumerate(facts.columns):
        values = ROWS[:, at]
        assert column == ColumnFact(
            name="abc"[at],
            count=1000,
            mean=pytest.approx(values.mean()),
            sd=pytest.approx(values.std()),
            low=values.min(),
            high=values.max(),
            quantiles=tuple(np.percentile(values, QUANTILES)),
            kurtosis=pytest.approx(3.0, abs=0.6),
            distinct=1000,
        )


@pytest.mark.parametrize("sizes", [(1000,), (1, 999), (400, 300, 300), (250,) * 4], ids=str)
@pytest.mark.parametrize("backwards", [False, True])
def test_chunks_add_up(sizes: tuple[int, ...], backwards: bool) -> None:
    whole, parts = Statistics.of(ROWS, np.arange(1000)), in_chunks(ROWS, *sizes, backwards=backwards)
    assert (parts.rows, parts.count.tolist()) == (1000, [1000] * 3)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.squares, whole.squares, rtol=1e-9)
    assert np.array_equal(parts.ordered, whole.ordered, equal_nan=True)
    assert np.array_equal(np.sort(parts.ranks), np.sort(whole.ranks))


def test_the_sample_is_limited_spread_and_independent_of_chunks() -> None:
    rows = np.arange(40_000.0).reshape(-1, 1)
    whole, parts = Statistics.of(rows, np.arange(40_000)), in_chunks(rows, 15_000, 25_000)
    assert len(whole.sample) == 8192
    assert np.array_equal(whole.ordered, parts.ordered)
    np.testing.assert_allclose(np.percentile(whole.sample, [10, 50, 90]), [4000, 20_000, 36_000], atol=900)


def test_whole_numbers_are_recognised() -> None:
    rows = np.column_stack([np.arange(9.0), np.arange(9.0) / 2, [*range(8), np.nan]])
    assert [column.whole for column in Statistics.of(rows, np.arange(9)).describe("x").columns] == [
        True,
        False,
        True,
    ]


def test_nonfinite_values_are_counted_and_left_out() -> None:
    rows = ROWS[:20].copy()
    rows[[3, 7], 0], rows[7, 1] = np.nan, -np.inf
    facts = (Statistics.of(rows[:5], np.arange(5)) + Statistics.of(rows[5:], np.arange(5, 20))).describe("x")
    assert (facts.bad_rows, facts.first_bad) == (2, (3, 7))
    assert [(column.count, column.nan, column.inf) for column in facts.columns] == [
        (18, 2, 0),
        (19, 0, 1),
        (20, 0, 0),
    ]
    assert facts.columns[0].mean == pytest.approx(np.nanmean(rows[:, 0]))
    assert facts.columns[1].low == rows[np.arange(20) != 7, 1].min()


def test_a_column_without_a_finite_value() -> None:
    (column,) = Statistics.of(np.full((4, 1), np.nan), np.arange(4)).describe("x").columns
    assert (column.count, column.nan, column.quantiles) == (0, 4, ())
    assert np.isnan([column.mean, column.sd, column.low, column.high]).all()


def test_axes_between_count_as_more_rows() -> None:
    facts = Statistics.of(ROWS.reshape(100, 10, 3), np.arange(100)).describe("x")
    assert (facts.rows, facts.shape, [column.count for column in facts.columns]) == (100, (10, 3), [1000] * 3)
    assert facts.columns[1].mean == pytest.approx(ROWS[:, 1].mean())


def test_flat_and_very_wide_rows_are_one_column() -> None:
    assert [
        len(Statistics.of(rows, np.arange(2)).describe("x").columns)
        for rows in (np.zeros(2), np.zeros((2, MOST_COLUMNS + 1)))
    ] == [1, 1]
    assert Statistics.of(np.zeros((2, 5)), np.arange(2)).describe("x", ["a"]) == Statistics.of(
        np.zeros((2, 5)), np.arange(2)
    ).describe("x")
    assert isinstance(Statistics.of(np.zeros(2), np.arange(2)).describe("x"), RowsFact)


@pytest.mark.parametrize("sizes", [(40,), (7, 33)], ids=str)
def test_padded_time_steps_are_not_data(sizes: tuple[int, ...]) -> None:
    values = np.random.default_rng(5).normal(9.0, 2.0, (40, 6, 3))
    padded = np.arange(6) >= np.random.default_rng(6).integers(2, 7, 40)[:, None]
    values[padded] = 0.0
    values[0, 0, 1] = np.nan
    ends = np.cumsum(sizes)
    parts = [
        Statistics.of(values[end - size : end], np.arange(end - size, end), padded[end - size : end])
        for size, end in zip(sizes, ends, strict=True)
    ]
    facts = reduce(add, parts).describe("x")
    assert (facts.rows, facts.shape, facts.bad_rows, facts.first_bad) == (40, (6, 3), 1, (0,))
    for at, column in enumerate(facts.columns):
        true = values[~padded][:, at]
        assert (column.count, column.nan) == (len(true) - (at == 1), int(at == 1))
        assert column.mean == pytest.approx(np.nanmean(true))
        assert (column.sd, column.low) == (pytest.approx(np.nanstd(true)), np.nanmin(true))
        assert column.quantiles == pytest.approx(np.nanpercentile(true, QUANTILES))


def test_padded_ids_are_neither_data_nor_missing() -> None:
    ids = np.array([[3, 4, 0], [1, 2, 9]])
    columns = Statistics.of(ids, np.arange(2), ids == 0).describe("x").columns
    assert [(column.count, column.nan, column.low) for column in columns] == [(2, 0, 1), (2, 0, 2), (1, 0, 9)]


def test_rows_of_padding_only_have_no_statistics() -> None:
    facts = Statistics.of(np.zeros((2, 3, 1)), np.arange(2), np.ones((2, 3), bool)).describe("x")
    assert (facts.bad_rows, facts.columns[0].count, facts.columns[0].nan) == (0, 0, 0)
