"""comparison: derived numbers, and merging."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import EDGES, Comparison, WorstRow, merge

INF = float("inf")


def pair(**measured: object) -> Comparison:
    return Comparison(candidate="a", reference="b", output="out", **measured)  # type: ignore[arg-type]


def worst(row: int, distance: float) -> WorstRow:
    return WorstRow(row=row, index=(0,), candidate=distance, reference=0.0, distance=distance)


def test_the_share_of_the_greatest_output_is_infinite_for_a_reference_of_zeros() -> None:
    assert pair(max_abs=1.0, scale=4.0).scaled == 0.25
    assert pair(max_abs=1.0).scaled == INF
    assert pair().scaled == 0.0


def test_rows_over_counts_the_rows_beyond_a_limit() -> None:
    distances = np.array([0.0, 1e-6, 1e-3, 1.0, INF])
    bins = np.bincount(np.searchsorted(EDGES, distances, side="right"), minlength=len(EDGES) + 1)
    comparison = pair(rows=5, rows_differing=4, row_histogram=tuple(bins.tolist()))
    assert [comparison.rows_over(limit) for limit in (-1.0, 0.0, 1e-9, 1e-4, 0.1, 10.0)] == [4, 4, 4, 3, 2, 1]


def test_counts_and_sums_add_up_and_greatest_values_stay() -> None:
    merged = pair(rows=2, sum_squares=1.0, max_abs=1.0) + pair(rows=3, sum_squares=2.0, max_abs=0.5)
    assert merged == pair(rows=5, sum_squares=3.0, max_abs=1.0)


def test_merging_keeps_a_shape_that_differed_once() -> None:
    good, bad = pair(), pair(misshapen="(1, 1) against (1, 2)")
    assert (good + bad).misshapen == (bad + good).misshapen == bad.misshapen


def test_merging_keeps_the_five_worst_rows() -> None:
    chunks = [pair(worst=tuple(worst(row, float(row)) for row in rows)) for rows in ((0, 3, 4), (1, 2, 5))]
    assert [kept.row for kept in merge(chunks).worst] == [5, 4, 3, 2, 1]


def test_merging_keeps_the_first_decision_that_is_known() -> None:
    assert (pair() + pair(decision="argmax")).decision == "argmax"
    assert (pair(decision="threshold") + pair(decision="argmax")).decision == "threshold"


def test_a_comparison_cannot_be_changed() -> None:
    comparison = pair()
    with pytest.raises(AttributeError):
        comparison.rows = 3  # type: ignore[misc]
    assert replace(comparison, rows=3).rows == 3
