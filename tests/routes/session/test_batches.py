"""Cutting rows and putting answers together again."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.session.batches import batches, count, first, keep_rows, some, stack

ROWS = {"a": np.arange(14).reshape(7, 2), "b": np.arange(7)}


@pytest.mark.parametrize(("size", "lengths"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7])])
def test_batches_cover_all_rows_in_order(size: int, lengths: list[int]) -> None:
    parts = list(batches(ROWS, size))
    assert [count(part) for part in parts] == lengths
    assert {name: values.tolist() for name, values in stack(parts).items()} == {
        name: values.tolist() for name, values in ROWS.items()
    }


def test_first_and_some_pick_rows_of_every_input() -> None:
    assert {name: values.tolist() for name, values in first(ROWS, 2).items()} == {
        "a": [[0, 1], [2, 3]],
        "b": [0, 1],
    }
    assert {name: values.tolist() for name, values in some(ROWS, np.array([6, 0])).items()} == {
        "a": [[12, 13], [0, 1]],
        "b": [6, 0],
    }


def test_outputs_without_a_row_axis_become_one_value_a_batch() -> None:
    assert stack([{"sum": np.float32(1.5)}, {"sum": np.float32(2.5)}])["sum"].tolist() == [1.5, 2.5]


def test_an_axis_that_is_lost_is_told() -> None:
    keep_rows("y", {(4, 2), (1, 2)})
    with pytest.raises(
        ValueError,
        match=r"an output loses its row axis where a row comes alone: output 'y' comes out as \(2,\) and as \(3, 2\)",
    ):
        stack([{"y": np.zeros((3, 2))}, {"y": np.zeros(2)}])


def test_rows_whose_shape_grows_with_the_batch_are_told() -> None:
    with pytest.raises(
        ValueError,
        match=r"the shape of an output depends on the batch size: rows of output 'y' come out as \(2,\) and as \(3,\)",
    ):
        stack([{"y": np.zeros((3, 3))}, {"y": np.zeros((2, 2))}])
