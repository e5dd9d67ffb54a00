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
