"""One-hot columns without those of absent categories, and columns that only look like it."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows

RANDOM = np.random.default_rng(11)
ROWS = 60
NUMBERS = RANDOM.normal(size=(ROWS, 2))


def group(width: int, absent: tuple[int, ...] = (), unknown: float = 0.0) -> np.ndarray:
    """One-hot columns, of which some have no row; a share of the rows has no known category."""
    known = [place for place in range(width) if place not in absent]
    flags = np.eye(width)[RANDOM.choice(known, ROWS)]
    return np.where(RANDOM.random((ROWS, 1)) < unknown, 0.0, flags)


def without(rows: np.ndarray, *columns: int) -> np.ndarray:
    """The rows without some columns, with zeros at the end."""
    left = np.delete(rows, columns, axis=1)
    return np.pad(left, [(0, 0), (0, len(columns))])


def kinds(served: np.ndarray, expected: np.ndarray) -> list[str]:
    return [mistake.kind for mistake in match_served_rows(served, expected, iter(())).mistakes]


ALONE = group(4, (0,))
TWO = np.column_stack([group(4, (1,)), group(3), NUMBERS])
BOTH = np.column_stack([NUMBERS, group(4, (1,)), group(4, (0, 3))])
UNKNOWN = np.column_stack([group(5, (2,), unknown=0.3), NUMBERS])
LOST: dict[str, tuple[np.ndarray, np.ndarray, str]] = {
    "one group": (without(ALONE, 0), ALONE, "0"),
    "numbers behind two groups": (without(TWO, 1), TWO, "1"),
    "a category of each of two groups": (without(BOTH, 3, 6), BOTH, "3, 6"),
    "filled up within the group": (np.column_stack([without(TWO[:, :4], 1), TWO[:, 4:]]), TWO, "1"),
    "an encoder that ignores unknown categories": (without(UNKNOWN, 2), UNKNOWN, "2"),
}


@pytest.mark.parametrize(("served", "expected", "lost"), LOST.values(), ids=LOST)
def test_columns_of_absent_categories_are_missing(
    served: np.ndarray, expected: np.ndarray, lost: str
) -> None:
    assert kinds(served, expected) == [f"lost-categories:{lost}"]


def test_all_wrong_columns_are_named() -> None:
    (mistake,) = match_served_rows(without(ALONE, 0), ALONE, iter(())).mistakes
    assert mistake.columns == (0, 1, 2, 3)


SPARSE = np.column_stack([np.zeros(ROWS), RANDOM.random((ROWS, 4)) < 0.1, NUMBERS]).astype("float64")
ZERO = np.column_stack([np.zeros(ROWS), NUMBERS])
WRONG = without(TWO, 1) + np.array([0.0] * 7 + [1e-2, 0.0])
OTHERWISE = {
    "exchanged columns": TWO[:, [0, 1, 3, 2, 4, 5, 6, 7, 8]],
    "a value that is wrong too": WRONG,
    "columns moved to the right": np.column_stack([np.zeros(ROWS), np.delete(TWO, 1, axis=1)]),
    "a category that occurs": without(TWO, 4),
}


@pytest.mark.parametrize("served", OTHERWISE.values(), ids=OTHERWISE)
def test_other_mistakes_in_one_hot_columns(served: np.ndarray) -> None:
    assert not any(kind.startswith("lost-categories") for kind in kinds(served, TWO))


@pytest.mark.parametrize("expected", [SPARSE, ZERO], ids=["rare flags", "numbers"])
def test_columns_of_zeros_that_are_no_category(expected: np.ndarray) -> None:
    assert kinds(without(expected, 0), expected)[0] == "other-columns"


def test_right_rows_with_an_absent_category() -> None:
    assert kinds(TWO, TWO) == []
