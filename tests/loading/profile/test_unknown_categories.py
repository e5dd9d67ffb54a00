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
    ("encoder", "words", "spelling", "unknown"),
    [
        (TEXTS, ("Paris", "Rome"), "", 0),
        (TEXTS, ("Bonn", "Rome"), "", 0),
        (TEXTS, ("Bonn", "Bern"), "", 12),
        (TEXTS, ("paris", "rome"), "capitalize", 12),
        (TEXTS, ("PARIS", "Rome"), "capitalize", 6),
        (TEXTS, ("Paris ", "Rome"), "strip", 6),
        (NUMBERS, ("Berlin", "Hamburg"), "", 12),
    ],
    ids=["known", "one is new", "all new", "lower case", "one in upper case", "a space", "texts for numbers"],
)
def test_columns_with_values_of_another_spelling_or_no_known_one_are_found(
    encoder: OneHotEncoder, words: tuple[str, ...], spelling: str, unknown: int
) -> None:
    found = find_unknown_columns(encoder, CODES, {0: words}, ["city"])
    assert [(each.column, each.spelling, each.unknown, each.given) for each in found] == (
        [("city", spelling, unknown, 12)] if unknown else []
    )
    assert find_unknown_columns(encoder, CODES[:4], {0: words}) == ()


def test_numbers_are_equal_to_numbers_of_another_type() -> None:
    assert find_unknown_columns(NUMBERS, np.where(CODES > 0, 10115.0, np.nan).repeat(2, axis=0), {}) == ()
    (found,) = find_unknown_columns(NUMBERS, CODES, {})
    assert (found.column, found.value, found.known) == ("0", "0.0, 1.0", "10115, 20095")


MANY = np.arange(200.0)[:, None] % 100


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        (["Rome", *("Bonn",) * 99], True),
        ([*("Rome",) * 10, *("Bonn",) * 90], False),
        (["Bonn", *("Rome",) * 99], False),
        (["Rome"] * 100, False),
    ],
    ids=["one of a hundred is known", "a tenth is known", "a rare new one", "constants"],
)
def test_nearly_all_values_must_be_unknown(words: list[str], is_found: bool) -> None:
    assert bool(find_unknown_columns(TEXTS, MANY, {0: words}, ["city"])) is is_found


@pytest.mark.parametrize(
    ("encoder", "words", "other_type"),
    [(TEXTS, ("Bonn", "Bern"), False), (NUMBERS, ("Berlin", "Hamburg"), True)],
    ids=["new texts", "texts for numbers"],
)
def test_values_of_another_type_are_told_apart_from_new_ones(
    encoder: OneHotEncoder, words: tuple[str, ...], other_type: bool
) -> None:
    (found,) = find_unknown_columns(encoder, CODES, {0: words}, ["city"])
    assert found.is_unlike
    assert found.other_type is other_type


def test_numbers_for_texts_are_values_of_another_type() -> None:
    (found,) = find_unknown_columns(TEXTS, CODES, {})
    assert found.other_type
