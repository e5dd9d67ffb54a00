"""Rows in a different order are matched one to one, in all of their columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

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
    "the row of the request before": (np.concatenate([ROWS[:1], ROWS[:-1]]), ROWS),
    "the first row of each batch": (ROWS[BATCH_STARTS], ROWS),
    "a series of the request before": (np.concatenate([STEPS[:1], STEPS[:-1]]), STEPS),
    "float32": (ROWS[BATCH_STARTS].astype("float32"), ROWS),
}


@pytest.mark.parametrize(("served", "expected"), OTHERS.values(), ids=OTHERS)
def test_rows_of_other_rows(served: np.ndarray, expected: np.ndarray) -> None:
    assert kinds(served, expected) == {"rows-of-others"}


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
