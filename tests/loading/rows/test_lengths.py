"""lengths: one whole number for each row, and what is said of anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.lengths import open_lengths, time_steps
from keras_consistency_cli.loading.rows.source import open_rows


def test_lengths_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.array([3, 1, 7], dtype="uint8"))
    found = open_lengths(tmp_path / "l.npy", rows=3, steps=7)
    assert (found.tolist(), found.dtype) == ([3, 1, 7], np.int64)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([3.0, 1.0, 7.0]), "(?s)holds float64 of shape .*one whole number for each row"),
        (np.array([[3, 1, 7]]), r"holds int64 of shape \(1, 3\)"),
        (np.array([3, 1]), "has 2 lengths, the data have 3 rows"),
        (np.array([3, 0, 7]), "row 1 has length 0\nexpected: 1 to 7, the time steps of the data"),
        (np.array([3, 8, 9]), r"row 1 has length 8 \(and 1 others\)"),
        (np.array([3, -1, 7]), "row 1 has length -1"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, values: np.ndarray, words: str) -> None:
    np.save(tmp_path / "l.npy", values)
    with pytest.raises(DataError, match=words) as caught:
        open_lengths(tmp_path / "l.npy", rows=3, steps=7)
    assert "l.npy" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"facts.lengths .*none.npy does not exist"):
        open_lengths(tmp_path / "none.npy", rows=3, steps=None)


@pytest.mark.parametrize(
    ("shape", "axis", "steps"), [((4, 9, 3), None, 9), ((4, 3, 9), 2, 9), ((4, 9), None, 9)]
)
def test_time_steps(tmp_path: Path, shape: Any, axis: int | None, steps: int) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape))
    assert time_steps(open_rows(tmp_path / "x.npy"), axis) == steps


def test_rows_without_time(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 9)))
    with pytest.raises(DataError, match="no axis 2 that could be time"):
        time_steps(open_rows(tmp_path / "x.npy"), 2)
