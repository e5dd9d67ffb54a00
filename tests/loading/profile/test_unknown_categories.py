"""A column is reported if an encoder knows none of its values, not if some are new."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from keras_consistency_cli.loading.profile.unknown_categories import find_unknown_columns

TEXTS = OneHotEncoder(handle_unknown="ignore").fit(np.array([["Rome"], ["Paris"]], dtype=object))
NUMBERS = OneHotEncoder(handle_unknown="ignore").fit(np.array([[10115], [20095]]))
CODES = np.arange(12.0)[:, None] % 2


@pytest.mark.parametrize(
    ("encoder", "words", "is_unknown"),
    [
        (TEXTS, ("Paris", "Rome"), False),
        (TEXTS, ("Bonn", "Rome"), False),
        (TEXTS, ("paris", "rome"), True),
        (NUMBERS, ("Berlin", "Hamburg"), True),
    ],
    ids=["known", "one is new", "another spelling", "texts for numbers"],
)
def test_a_column_without_a_known_value_is_found(
    encoder: OneHotEncoder, words: tuple[str, ...], is_unknown: bool
) -> None:
    assert bool(find_unknown_columns(encoder, CODES, {0: words})) is is_unknown
    assert find_unknown_columns(encoder, CODES[:4], {0: words}) == {}


def test_numbers_are_equal_to_numbers_of_another_type() -> None:
    assert find_unknown_columns(NUMBERS, np.where(CODES > 0, 10115.0, np.nan), {}) == {}
    assert find_unknown_columns(NUMBERS, CODES, {}) == {0: ("0.0", "10115")}
