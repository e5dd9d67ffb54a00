"""Rows that were not divided by their norms, as the reference rows were."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.profile.row_norms import compare_row_norms

RAW = np.random.default_rng(0).integers(0, 255, (20, 6, 5)).astype("float32")
FLAT = RAW.reshape(20, -1)


def normalised(rows: np.ndarray, order: int, axis: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rows / (np.abs(rows) ** order).sum(axis=axis, keepdims=True) ** (1 / order))


@pytest.mark.parametrize(
    ("rows", "order", "axis"),
    [(RAW, 2, (1,)), (RAW, 2, (2,)), (RAW, 2, (1, 2)), (RAW, 1, (1,)), (FLAT, 2, (1,)), (FLAT, 1, (1,))],
    ids=["axis 1", "axis 2", "whole row", "L1", "flat", "flat, L1"],
)
def test_the_norm_of_the_reference_rows_is_named(rows: np.ndarray, order: int, axis: tuple[int, ...]) -> None:
    (fact,) = compare_row_norms({"x": rows}, {"x": normalised(rows, order, axis)})
    assert (fact.order, fact.axes) == (order, axis)
    assert fact.found > 2


def test_zeros_have_no_norm() -> None:
    padded = np.concatenate([RAW, np.zeros((20, 6, 2), "float32")], axis=2)
    known = np.nan_to_num(padded / np.maximum(np.sqrt((padded**2).sum(1, keepdims=True)), 1e-9))
    assert [fact.axes for fact in compare_row_norms({"x": padded}, {"x": known})] == [(1,)]


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        (normalised(FLAT, 2, (1,)), normalised(FLAT[::-1], 2, (1,))),
        (FLAT, FLAT[::-1]),
        (RAW / 255, RAW[::-1]),
        (FLAT[:4], normalised(FLAT, 2, (1,))[:4]),
    ],
    ids=["both normalised", "neither", "another range", "few rows"],
)
def test_other_rows_are_not_named(rows: np.ndarray, known: np.ndarray) -> None:
    assert list(compare_row_norms({"x": rows}, {"x": known})) == []
