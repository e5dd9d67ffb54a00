"""Codes that were assigned again, and columns that only look like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from keras_consistency_cli.routes.served.mistake_matching import match_served_rows

RANDOM = np.random.default_rng(7)
CODES = RANDOM.integers(0, 8, 64)
ORDER = np.array([3, 6, 0, 5, 1, 7, 2, 4])
EXPECTED = np.column_stack([CODES, RANDOM.lognormal(3.0, 1.0, 64), RANDOM.integers(18, 80, 64)])


def kinds(served: np.ndarray, expected: np.ndarray, codes: tuple[int, ...] = ()) -> list[str]:
    match = match_served_rows(served, expected, iter(()), None, frozenset(codes))
    return [mistake.kind for mistake in match.mistakes]


def with_column(column: int, values: np.ndarray) -> np.ndarray:
    rows = EXPECTED.copy()
    rows[:, column] = values
    return rows


RELABELLED: dict[str, np.ndarray] = {
    "another order": with_column(0, ORDER[CODES]),
    "a category inserted": with_column(0, np.where(CODES >= 3, CODES + 1, CODES)),
    "reversed": with_column(0, 7 - CODES),
}


@pytest.mark.parametrize("served", RELABELLED.values(), ids=RELABELLED)
def test_codes_that_were_assigned_again(served: np.ndarray) -> None:
    assert kinds(served, EXPECTED) == ["relabelled"]


def test_scaled_codes_and_words_of_one_vocabulary() -> None:
    scaled = (EXPECTED - 3.5) / 2.3
    served = scaled.copy()
    served[:, 0] = (ORDER[CODES] - 3.5) / 2.3
    assert kinds(served, scaled) == ["relabelled"]
    words, order = RANDOM.integers(0, 300, (40, 20)), RANDOM.permutation(300)
    assert kinds(order[words], words) == ["relabelled"]


def test_codes_counted_from_one_are_codes_only_if_a_table_takes_them() -> None:
    served = with_column(0, CODES + 1)
    assert kinds(served, EXPECTED, codes=(0,)) == ["codes-shifted:1 larger"]
    assert kinds(served, EXPECTED) == ["another-scaler"]


WORDS = np.where(RANDOM.random((60, 12)) < 0.3, 0, RANDOM.integers(4, 200, (60, 12)))
SHIFTED: dict[str, tuple[np.ndarray, str]] = {
    "without reserved ids": (np.where(WORDS == 0, 0, WORDS - 3), "codes-shifted:3 smaller"),
    "padding counted too": (WORDS + 2, "codes-shifted:2 larger"),
    "unknown words": (np.where(WORDS > 150, 2, np.where(WORDS == 0, 0, WORDS + 3)), "codes-shifted:3 larger"),
    "a smaller vocabulary": (np.where(WORDS > 150, 2, WORDS), "relabelled"),
    "a word inserted": (np.where(WORDS > 90, WORDS + 1, WORDS), "relabelled"),
}


@pytest.mark.parametrize(("served", "kind"), SHIFTED.values(), ids=SHIFTED)
def test_ids_of_a_table_counted_from_a_different_start(served: np.ndarray, kind: str) -> None:
    assert kinds(served, WORDS, codes=tuple(range(12))) == [kind]


def test_two_codes_in_place_of_many_are_no_codes() -> None:
    served = np.where(WORDS > 150, 2, np.where(WORDS > 90, 3, WORDS))
    assert kinds(served, WORDS, codes=tuple(range(12))) == ["unknown"]


OTHERS: dict[str, np.ndarray] = {
    "another unit": with_column(2, EXPECTED[:, 2] * 12),
    "a logarithm": with_column(1, np.log(EXPECTED[:, 1])),
    "codes joined": with_column(0, np.minimum(CODES, 4)),
    "rows in another order": EXPECTED[RANDOM.permutation(64)],
    "random codes": with_column(0, RANDOM.integers(0, 8, 64)),
}


@pytest.mark.parametrize("served", OTHERS.values(), ids=OTHERS)
def test_other_mistakes_are_not_codes(served: np.ndarray) -> None:
    assert "relabelled" not in kinds(served, EXPECTED)


INVERSIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (lambda x: 255 - x, lambda x: x[:, ::-1])


@pytest.mark.parametrize("change", INVERSIONS)
def test_pixels_are_not_codes(change: Callable[[np.ndarray], np.ndarray]) -> None:
    pixels = RANDOM.integers(0, 256, (40, 8, 8, 1))
    assert "relabelled" not in kinds(change(pixels), pixels)
