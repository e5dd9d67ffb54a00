"""Summaries of rows: the digests by which different rows are counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import MOST_DISTINCT, Comparison, digest_rows, first_digests


@pytest.mark.parametrize("distinct", [1, 3, MOST_DISTINCT, MOST_DISTINCT + 5])
def test_different_rows_are_counted_up_to_the_most(distinct: int) -> None:
    rows = np.arange(100.0)[:, None] % distinct
    assert len(digest_rows(rows)) == min(distinct, MOST_DISTINCT)


def test_rows_that_float32_rounds_alike_count_once() -> None:
    assert len(digest_rows(np.array([[1.0], [1.0 + 1e-12], [2.0]]))) == 2


def test_no_digest_is_computed_after_the_most() -> None:
    read: list[int] = []

    def digests() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    assert first_digests(digests()) == tuple(range(MOST_DISTINCT))
    assert len(read) == MOST_DISTINCT


@pytest.mark.parametrize("distinct", [5, 40])
def test_two_parts_have_the_digests_of_the_whole(distinct: int) -> None:
    rows = np.arange(60.0)[:, None] % distinct
    first, second = (
        Comparison(candidate="a", reference="b", output="out", row_digests=digest_rows(part))
        for part in (rows[:7], rows[7:])
    )
    assert (first + second).row_digests == digest_rows(rows)
