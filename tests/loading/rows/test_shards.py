"""shards: a folder of files is read as one array, whichever file a row is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.shards import find_shards
from keras_consistency_cli.loading.rows.source import open_rows

VALUES = np.arange(44.0, dtype=np.float32).reshape(11, 4)
PARTS = (VALUES[:4], VALUES[4:5], VALUES[5:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, the third one with the number 10, and others that are not read."""
    into = tmp_path / "rows"
    into.mkdir()
    for number, part in zip((1, 2, 10), PARTS, strict=True):
        np.save(into / f"part-{number}.npy", part)
    (into / "README.txt").write_text("rows", encoding="utf-8")
    (into / ".hidden.npy").write_bytes(b"")
    return into


@pytest.mark.parametrize("rows", [np.arange(11), np.array([10, 0, 4, 4, 3]), np.arange(3, 6), np.array([7])])
def test_rows_are_those_of_all_files_in_the_order_of_their_numbers(folder: Path, rows: np.ndarray) -> None:
    assert [path.name for path in find_shards(folder)] == ["part-1.npy", "part-2.npy", "part-10.npy"]
    source = open_rows(folder, reading=Reading())
    assert (source.length, source.arrays["data"].shape, source.arrays["data"].nbytes) == (11, (11, 4), 176)
    assert np.array_equal(take(source, {"x": "data"}, rows)["x"], VALUES[rows])


def test_files_with_several_arrays(tmp_path: Path) -> None:
    for number, part in enumerate(PARTS):
        np.savez(tmp_path / f"{number}.npz", a=part, b=part[:, 0].astype(np.int64))
    source = open_rows(tmp_path, reading=Reading())
    taken = take(source, {"a": "a", "b": "b"}, np.array([0, 4, 10]))
    assert source.named
    assert np.array_equal(taken["a"], VALUES[[0, 4, 10]])
    assert (taken["b"].tolist(), taken["b"].dtype) == ([0, 16, 40], np.dtype(np.int64))


def test_tables_keep_their_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for number, part in enumerate(PARTS):
        table = pyarrow.table({name: part[:, place] for place, name in enumerate("abcd")})
        parquet.write_table(table, tmp_path / f"{number}.parquet")
    source = open_rows(tmp_path, reading=Reading(drop=("b",)))
    assert source.columns == ("a", "c", "d")
    assert np.array_equal(take(source, {"x": "data"}, np.arange(11))["x"], VALUES[:, [0, 2, 3]])
    ordered = source.in_order(("d", "a", "c"))
    assert np.array_equal(take(ordered, {"x": "data"}, np.array([9, 1]))["x"], VALUES[[9, 1]][:, [3, 0, 2]])
    assert take(ordered, {"x": "c"}, np.array([9]))["x"].tolist() == [[38.0]]


@pytest.mark.wording
def test_files_that_do_not_belong_together_are_refused(folder: Path, wording: SnapshotAssertion) -> None:
    messages = []
    for odd in (VALUES[:, :3], VALUES.astype(np.float64), VALUES[:0]):
        np.save(folder / "part-3.npy", odd)
        with pytest.raises(DataError) as refused:
            open_rows(folder, reading=Reading())
        messages.append(str(refused.value).replace(str(folder), "rows"))
    (folder / "part-3.npy").unlink()
    with pytest.raises(DataError) as refused:
        open_rows(folder, reading=Reading(window=(2, 1)))
    messages.append(str(refused.value).replace(str(folder), "rows"))
    assert messages == wording
