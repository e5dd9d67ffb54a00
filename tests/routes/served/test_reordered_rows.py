"""Rows in a different order are matched one to one, in all of their columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows
from keras_consistency_cli.routes.served.variants import generate_plain_variants

Array = np.ndarray
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(80, 5)).astype("float32")
SERIES = RANDOM.normal(size=(40, 6, 2)).astype("float32")
TAGS = RANDOM.integers(0, 900, (60, 1))
WITH_CONSTANT = np.column_stack([TABLE, np.full(80, 3.0, "float32")])


def kinds(served: Array, expected: Array) -> set[str]:
    match = match_served_rows(served, expected, generate_plain_variants(expected, served))
    return {each.kind for each in match.mistakes}


@pytest.mark.parametrize(
    ("rows", "serve"),
    [
        (TABLE, lambda rows: rows[np.argsort(rows[:, 0])]),
        (TABLE, lambda rows: rows[::-1].astype("float64") + 1e-7),
        (SERIES, lambda rows: np.roll(rows, 3, axis=0)),
        (TAGS, lambda rows: np.sort(rows, axis=0)),
        (WITH_CONSTANT, lambda rows: RANDOM.permutation(rows)),
        (np.repeat(TABLE[:20], 4, axis=0), lambda rows: RANDOM.permutation(rows)),
    ],
    ids=["sorted", "reversed", "series", "one column", "a constant column", "repeated rows"],
)
def test_rows_in_another_order(rows: Array, serve: Callable[[Array], Array]) -> None:
    assert kinds(serve(rows), rows) == {"rows-reordered"}


@pytest.mark.parametrize(
    ("rows", "serve"),
    [
        (TABLE, lambda rows: np.sort(rows, axis=0)),
        (TABLE, lambda rows: np.column_stack([rows[:, :4], np.sort(rows[:, 4])])),
        (SERIES, lambda rows: rows[:, RANDOM.permutation(6)]),
    ],
    ids=["each column by itself", "one column only", "time steps"],
)
def test_values_in_another_order(rows: Array, serve: Callable[[Array], Array]) -> None:
    assert kinds(serve(rows), rows) == {"values-reordered"}


MIXED = np.random.default_rng(11)
ROWS = MIXED.normal(size=(96, 4))
STEPS = MIXED.normal(size=(40, 6, 2))
FLAGS = MIXED.integers(0, 2, (96, 4)).astype(float)
BATCH_STARTS = np.arange(96) // 16 * 16


OTHERS: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "the first row of each batch": (ROWS[BATCH_STARTS], ROWS),
    "float32": (ROWS[BATCH_STARTS].astype("float32"), ROWS),
}


@pytest.mark.parametrize(("served", "expected"), OTHERS.values(), ids=OTHERS)
def test_rows_of_other_rows(served: np.ndarray, expected: np.ndarray) -> None:
    assert kinds(served, expected) == {"rows-of-others"}


SERIES = np.cumsum(MIXED.normal(size=60))
WINDOWS = sliding_window_view(SERIES, 12)
LATE: dict[str, tuple[np.ndarray, np.ndarray, str]] = {
    "the row of the request before": (np.concatenate([ROWS[:1], ROWS[:-1]]), ROWS, "the row before"),
    "a series of the request before": (np.concatenate([STEPS[:1], STEPS[:-1]]), STEPS, "the row before"),
    "windows that overlap": (WINDOWS[:-1], WINDOWS[1:], "the row before"),
    "windows of few rows": (WINDOWS[:9], WINDOWS[1:10], "the row before"),
    "windows of three rows before": (WINDOWS[:-3], WINDOWS[3:], "3 rows before"),
    "windows of the row after": (WINDOWS[1:], WINDOWS[:-1], "the row after"),
}


@pytest.mark.parametrize(("served", "expected", "place"), LATE.values(), ids=LATE)
def test_whole_rows_of_rows_before(served: np.ndarray, expected: np.ndarray, place: str) -> None:
    first, *others = match_served_rows(served, expected, iter(())).mistakes
    assert (first.kind, len(first.columns)) == (f"rows-late:{place}", expected.shape[-1])
    assert {other.kind for other in others} <= {"unknown"}


MOVED: dict[str, np.ndarray] = {
    "in reverse": WINDOWS[:, ::-1],
    "by one column": np.roll(WINDOWS, 1, axis=1),
    "two columns": WINDOWS[:, [1, 0, *range(2, 12)]],
}


@pytest.mark.parametrize("served", MOVED.values(), ids=MOVED)
def test_columns_of_windows_in_different_places(served: np.ndarray) -> None:
    assert kinds(served, WINDOWS) == {"other-columns"}


def test_one_row_is_not_overwritten_with_one_number() -> None:
    rows = np.random.default_rng(2).normal(size=(30, 7))
    unlike, filled = rows.copy(), rows.copy()
    unlike[4], filled[4] = rows[4] ** 2 + 3, 0.0
    assert (kinds(unlike, rows), kinds(filled, rows)) == ({"unknown"}, {"one-number"})


def test_the_rows_are_named() -> None:
    (mistake,) = match_served_rows(ROWS[BATCH_STARTS], ROWS, iter(())).mistakes
    assert mistake.others[:2] == ((1, 0), (2, 0))
    assert mistake.hit == 90


NOT_OTHERS: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "noise": (ROWS + 0.1 * MIXED.normal(size=ROWS.shape), ROWS),
    "flags of which every row looks like some other one": (FLAGS[BATCH_STARTS], FLAGS),
    "columns of different rows": (
        np.stack([np.roll(column, at)[BATCH_STARTS] for at, column in enumerate(ROWS.T, 1)], axis=1),
        ROWS,
    ),
}


@pytest.mark.parametrize(("served", "expected"), NOT_OTHERS.values(), ids=NOT_OTHERS)
def test_rows_that_are_not_those_of_others(served: np.ndarray, expected: np.ndarray) -> None:
    assert kinds(served, expected) == {"unknown"}


def with_late(column: int, by: int) -> np.ndarray:
    rows = ROWS.copy()
    rows[:, column] = np.roll(ROWS[:, column], by)
    rows[:by] = ROWS[:by]
    return rows


@pytest.mark.parametrize(("by", "place"), [(1, "the row before"), (7, "7 rows before")])
def test_a_column_of_the_row_before(by: int, place: str) -> None:
    (mistake,) = match_served_rows(with_late(2, by), ROWS, iter(())).mistakes
    assert (mistake.kind, mistake.columns) == (f"late:{place}", (2,))


def test_a_late_column_of_few_values_is_not_told() -> None:
    flags = np.column_stack([ROWS[:, :2], FLAGS[:, 0]])
    served = flags.copy()
    served[1:, 2] = flags[:-1, 2]
    assert kinds(served, flags) == {"unknown"}
