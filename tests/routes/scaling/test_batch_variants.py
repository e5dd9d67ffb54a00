"""Variants of batches: the batch sizes that are tried."""

from __future__ import annotations

from keras_consistency_cli.routes.scaling.batch_variants import suggest_batch_sizes
from tests.helpers.scaled_columns import raw_rows, refit_in


def test_suggested_batch_sizes_are_smaller_than_the_number_of_rows() -> None:
    rows = raw_rows(50)
    sizes = list(suggest_batch_sizes(rows, refit_in(13, rows), range(4), in_use=[7, 64]))
    assert sizes[:2] == [13, 7]
    assert len(set(sizes)) == len(sizes)
    assert max(sizes) < 50
