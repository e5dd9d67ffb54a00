"""Columns of texts are codes that give the texts back."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables.columns import decode, describe_texts, encode, merge, recode


def test_codes_are_in_alphabetical_order_and_give_the_texts_back() -> None:
    column = encode("town", ["Rome", None, "Paris", "Rome"])
    assert column.words == ("Paris", "Rome")
    assert np.array_equal(column.values, [1, np.nan, 0, 1], equal_nan=True)
    assert [text if text == text else None for text in decode(column.values, column.words)] == [
        "Rome",
        None,
        "Paris",
        "Rome",
    ]


def test_two_tables_share_their_codes() -> None:
    words = merge({"town": ("Paris", "Rome")}, {"town": ("Bonn", "Rome"), "plan": ("pro",)})
    assert words == {"town": ("Bonn", "Paris", "Rome"), "plan": ("pro",)}
    assert recode(np.array([0.0, 1.0, np.nan]), ("Paris", "Rome"), words["town"])[:2].tolist() == [1, 2]


@pytest.mark.parametrize("codes", [[2.0], [-1.0], [0.5], [np.inf]])
def test_numbers_that_are_no_codes_are_refused(codes: list[float]) -> None:
    with pytest.raises(DataError):
        decode(np.array(codes), ("Paris", "Rome"))


def test_the_message_names_the_columns_and_both_ways_out(wording: SnapshotAssertion) -> None:
    assert str(describe_texts({"town": ("Paris",), "my plan": ("pro",)}, "data x.csv")) == wording
