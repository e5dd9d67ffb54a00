"""Padding that holds other numbers in the served rows is recognised; gaps and steps of one place are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.routes.served.misplaced.changed_padding import find_changed_padding
from keras_consistency_cli.routes.served.mistake_matching import match_served_rows

Array = np.ndarray
RANDOM = np.random.default_rng(3)
STEPS = 12
TRUE = np.arange(STEPS) < RANDOM.integers(3, STEPS + 1, 50)[:, None]
SERIES = np.where(TRUE[..., None], RANDOM.normal(size=(50, STEPS, 2)), 0.0)
IDS = np.where(TRUE[:, ::-1], RANDOM.integers(2, 40, (50, STEPS)), 0)
PADDED = int((~TRUE).any(axis=1).sum())
ALL = frozenset(range(STEPS))


def fill(rows: Array, value: object) -> Array:
    return np.where(TRUE[..., None], rows, value)


def repeat_last(rows: Array) -> Array:
    last = TRUE.sum(axis=1) - 1
    return fill(rows, rows[np.arange(len(rows)), last][:, None])


def kinds(served: Array, right: Array, **more: Any) -> list[tuple[str, int | None]]:
    match = match_served_rows(served, right, (), **more)
    return [(each.kind, each.hit) for each in match.mistakes]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([-7.0, -14.25], "-7, -14.25 in the padding in place of 0"),
        ([0.0, -1.0], "0, -1 in the padding in place of 0"),
        (-5.0, "-5 in the padding in place of 0"),
        (np.nan, "nan in the padding in place of 0"),
    ],
)
def test_padding_with_another_value(value: object, words: str) -> None:
    assert kinds(fill(SERIES, value), SERIES) == [(f"padding-changed:{words}", PADDED)]
    assert kinds(SERIES, SERIES) == []


def test_padding_with_the_last_value_of_each_row() -> None:
    ((kind, hit),) = kinds(repeat_last(SERIES), SERIES)
    assert kind == "padding-changed:a number of its own in the padding of each row in place of 0"
    assert hit == PADDED


def test_ids_of_a_table_are_padded_too_and_the_columns_of_a_table_are_not() -> None:
    served = np.where(IDS == 0, 1, IDS)
    assert kinds(served, IDS, codes=ALL) == [("padding-changed:1 in the padding in place of 0", PADDED)]
    assert kinds(served, IDS, padding=IDS == 0) == kinds(served, IDS, codes=ALL)
    assert not any(kind.startswith("padding") for kind, _ in kinds(served, IDS))


def test_declared_padding_may_be_of_one_length() -> None:
    right = RANDOM.normal(size=(30, 8, 1))
    right[:, 5:] = 0.0
    served = right.copy()
    served[:, 5:] = -3.0
    declared = np.arange(8) >= np.full((30, 1), 5)
    assert kinds(served, right, padding=declared) == [("padding-changed:-3 in the padding in place of 0", 30)]
    assert not any(kind.startswith("padding") for kind, _ in kinds(served, right))


def test_rows_that_are_wrong_in_another_way_are_left() -> None:
    served = fill(SERIES, -4.0)
    served[:4] = RANDOM.normal(size=(4, STEPS, 2))
    hit = int((~TRUE[4:]).any(axis=1).sum())
    assert kinds(served, SERIES) == [("padding-changed:-4 in the padding in place of 0", hit), ("unknown", 4)]


@pytest.mark.parametrize(
    "serve",
    [
        lambda rows: rows * 2 + 1,
        lambda rows: np.where(TRUE[..., None], rows, RANDOM.normal(size=rows.shape)),
        lambda rows: np.where(np.arange(STEPS)[:, None] > 8, 1.5, rows),
        lambda rows: np.where(RANDOM.random(rows.shape) < 0.1, 9.0, rows),
    ],
    ids=["everything scaled", "noise in the padding", "the last steps filled", "gaps"],
)
def test_other_mistakes_are_not_changed_padding(serve: Callable[[Array], Array]) -> None:
    wrong = serve(SERIES) != SERIES
    assert find_changed_padding(serve(SERIES), SERIES, wrong, None, are_ids=False) == []
