"""Cutting rows into batches and joining their outputs."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.session.batches import (
    AXIS_LOST,
    SHAPE_VARIES,
    check_row_axis,
    choose_batch,
    count_rows,
    count_steps,
    find_nonfinite_rows,
    first_batch,
    join_outputs,
    select_rows,
    split_batches,
)

ROWS = {"a": np.arange(14).reshape(7, 2), "b": np.arange(7)}


@pytest.mark.parametrize(("size", "lengths"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7])])
def test_batches_cover_all_rows_in_order(size: int, lengths: list[int]) -> None:
    parts = list(split_batches(ROWS, size))
    assert [count_rows(part) for part in parts] == lengths
    assert {name: values.tolist() for name, values in join_outputs(parts).items()} == {
        name: values.tolist() for name, values in ROWS.items()
    }


def test_first_and_some_pick_rows_of_every_input() -> None:
    assert {name: values.tolist() for name, values in first_batch(ROWS, 2).items()} == {
        "a": [[0, 1], [2, 3]],
        "b": [0, 1],
    }
    assert {name: values.tolist() for name, values in select_rows(ROWS, np.array([6, 0])).items()} == {
        "a": [[12, 13], [0, 1]],
        "b": [6, 0],
    }


def test_outputs_without_a_row_axis_become_one_value_per_batch() -> None:
    assert join_outputs([{"sum": np.float32(1.5)}, {"sum": np.float32(2.5)}])["sum"].tolist() == [1.5, 2.5]


def test_an_output_that_loses_its_row_axis_is_refused(wording: SnapshotAssertion) -> None:
    check_row_axis("y", {(4, 2), (1, 2)})
    with pytest.raises(ValueError, match=AXIS_LOST) as caught:
        join_outputs([{"y": np.zeros((3, 2))}, {"y": np.zeros(2)}])
    assert str(caught.value) == wording


def test_rows_whose_shape_grows_with_the_batch_are_refused(wording: SnapshotAssertion) -> None:
    with pytest.raises(ValueError, match=SHAPE_VARIES) as caught:
        join_outputs([{"y": np.zeros((3, 3))}, {"y": np.zeros((2, 2))}])
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("size", "bad", "chosen"),
    [
        (3, [], [0, 1, 2]),
        (4, [6], [4, 5, 6]),
        (2, [0, 1, 4], [4, 5]),
        (4, [1], [0, 1, 2, 3]),
        (4, [3, 5, 6], [0, 1, 2, 3]),
        (8, [5, 6], [0, 1, 2, 3, 4, 5, 6]),
        (1, [4], [4]),
    ],
)
def test_a_batch_holds_some_rows_that_are_not_finite(size: int, bad: list[int], chosen: list[int]) -> None:
    values = np.zeros((7, 2))
    values[bad, 1] = np.nan
    assert choose_batch({"a": values, "b": np.arange(7)}, size).tolist() == chosen


def test_time_steps_are_those_of_the_longest_input() -> None:
    assert count_steps({"ids": np.zeros((2, 9)), "flag": np.zeros(2), "series": np.zeros((2, 30, 3))}) == 30
    assert count_steps({"flag": np.zeros(2)}) == 0


def test_only_floats_have_nonfinite_rows() -> None:
    values = np.ones((4, 2, 2), dtype=np.float32)
    values[1, 0, 1], values[3, 1, 1] = np.nan, -np.inf
    nonfinite = find_nonfinite_rows(
        {
            "a": values,
            "b": np.arange(4),
            "c": np.array(["nan"] * 4),
            "d": np.array([1, np.inf, 0, 0], dtype=np.float16),
        }
    )
    assert {name: flags.tolist() for name, flags in nonfinite.items()} == {
        "a": [False, True, False, True],
        "b": [False] * 4,
        "c": [False] * 4,
        "d": [False, True, False, False],
    }
