"""Lengths are one whole number for each row; anything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.lengths import count_time_steps, open_lengths
from keras_consistency_cli.loading.rows.source import open_rows
from tests.helpers.error_texts import own_text


def test_lengths_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.array([3, 1, 7], dtype="uint8"))
    lengths = open_lengths(tmp_path / "l.npy", rows=3, steps=7)
    assert (lengths.tolist(), lengths.dtype) == ([3, 1, 7], np.int64)


@pytest.mark.parametrize(
    "values",
    [
        np.array([3.0, 1.0, 7.0]),
        np.array([[3, 1, 7]]),
        np.array([3, 1]),
        np.array([3, 0, 7]),
        np.array([3, 8, 9]),
        np.array([3, -1, 7]),
    ],
    ids=["floats", "two axes", "too few", "zero", "too long", "negative"],
)
def test_wrong_lengths_are_refused(tmp_path: Path, values: np.ndarray, wording: SnapshotAssertion) -> None:
    np.save(tmp_path / "l.npy", values)
    with pytest.raises(DataError) as refused:
        open_lengths(tmp_path / "l.npy", rows=3, steps=7)
    assert "l.npy" in refused.value.what
    assert len(str(refused.value).splitlines()) <= 3
    assert own_text(refused.value, tmp_path) == wording


def test_a_length_of_zero_is_refused_without_known_time_steps(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    np.save(tmp_path / "l.npy", np.array([3, 0]))
    with pytest.raises(DataError) as refused:
        open_lengths(tmp_path / "l.npy", rows=2, steps=None)
    assert own_text(refused.value, tmp_path) == wording


def test_a_missing_file_is_a_usage_error(tmp_path: Path, wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as refused:
        open_lengths(tmp_path / "none.npy", rows=3, steps=None)
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize(
    ("shape", "axis", "steps"), [((4, 9, 3), None, 9), ((4, 3, 9), 2, 9), ((4, 9), None, 9)]
)
def test_the_longest_series_gives_the_time_steps(
    tmp_path: Path, shape: Any, axis: int | None, steps: int
) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape))
    assert count_time_steps(open_rows(tmp_path / "x.npy"), axis) == steps


def test_rows_without_a_time_axis_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 9)))
    with pytest.raises(DataError) as refused:
        count_time_steps(open_rows(tmp_path / "x.npy"), 2)
    assert own_text(refused.value, tmp_path) == wording
