"""Tables: .csv and .parquet as rows with named columns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.source import open_rows, take

pandas = pytest.importorskip("pandas")


def csv(folder: Path, text: str) -> Path:
    path = folder / "x.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("age,income\n1,2.5\n3,4\n", ("age", "income"), [[1, 2.5], [3, 4]]),
        ("1,2.5\n3,4\n", None, [[1, 2.5], [3, 4]]),
        ("0,1\n3,4\n", ("0", "1"), [[3, 4]]),
        ("\ufeff1,2.5\n3,4\n", None, [[1, 2.5], [3, 4]]),
        ("\ufeffage,income\n1,2.5\n", ("age", "income"), [[1, 2.5]]),
        ('"a b","c"\r\n1,\r\n', ("a b", "c"), [[1, np.nan]]),
        ("flag,n\nTrue,1\nFalse,2\n", ("flag", "n"), [[1, 1], [0, 2]]),
    ],
)
def test_csv(tmp_path: Path, text: str, columns: tuple[str, ...] | None, rows: list[list[float]]) -> None:
    source = open_rows(csv(tmp_path, text))
    assert (source.columns, source.length, source.named) == (columns, len(rows), False)
    assert np.array_equal(
        take(source, {"x": "data"}, np.arange(len(rows)))["x"], np.array(rows), equal_nan=True
    )


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    pytest.importorskip("pyarrow")
    path = folder / "x.parquet"
    pandas.DataFrame(columns).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({"b": [1.0, 2.0], "a": [3, 4]}, [[1.0, 3.0], [2.0, 4.0]]),
        (
            {
                "age of": pandas.array([1, None], dtype="Int64"),
                "on": pandas.array([None, True], dtype="boolean"),
            },
            [[1.0, np.nan], [np.nan, 1.0]],
        ),
        ({"gone": [None, None], "left": np.array([1, 2], dtype="float32")}, [[np.nan, 1.0], [np.nan, 2.0]]),
    ],
    ids=["numbers", "nulls", "all missing"],
)
def test_parquet(tmp_path: Path, columns: dict[str, Any], rows: list[list[float]]) -> None:
    source = open_rows(parquet(tmp_path, columns))
    assert (source.columns, source.named, source.arrays["data"].dtype) == (tuple(columns), False, np.float64)
    assert np.array_equal(source.arrays["data"], np.array(rows), equal_nan=True)


def test_parquet_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"a": [1.0]}).rename(tmp_path / "rows.data")
    assert open_rows(path).columns == ("a",)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"n": [1, 2], "town": [None, "Rome"]}, "column 'town' holds 'Rome', which is no number"),
        ({"when": pandas.to_datetime(["2020-01-01"])}, "column 'when' holds Timestamp"),
        ({"kind": pandas.Categorical(["x", "y"])}, "column 'kind' holds 'x', which is no number"),
        ({"list": [[1, 2], [3, 4]]}, "column 'list' holds array"),
        ({"a": []}, "has no rows"),
    ],
)
def test_parquet_that_no_model_can_take(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    path = parquet(tmp_path, columns)
    with pytest.raises(DataError, match=words):
        open_rows(path)


@pytest.mark.parametrize("damage", ["cut", "footer", "length", "magic alone"])
def test_damaged_parquet(tmp_path: Path, damage: str) -> None:
    path = parquet(tmp_path, {"a": [1.0, 2.0]})
    whole = path.read_bytes()
    spoilt = {
        "cut": whole[: len(whole) // 2],
        "footer": whole[:-30] + bytes(byte ^ 255 for byte in whole[-30:-8]) + whole[-8:],
        "length": whole[:-8] + b"\xff\xff\xff\x7fPAR1",
        "magic alone": b"PAR1",
    }
    assert spoilt[damage] != whole
    path.write_bytes(spoilt[damage])
    with pytest.raises(DataError) as caught:
        open_rows(path)
    assert "x.parquet cannot be read: " in caught.value.what
    assert "\n" not in caught.value.what
    assert caught.value.expected == "a whole Parquet file with a column of numbers for each feature"


def test_parquet_with_two_columns_of_one_name(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(
        arrow.table([[1, 2], [3, 4]], names=["a", "a"]), tmp_path / "x.parquet"
    )
    with pytest.raises(DataError, match="has two columns called 'a'"):
        open_rows(tmp_path / "x.parquet")


def test_parquet_that_unpacks_to_more_than_memory_should_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path, {"a": np.zeros(5000), "b": np.zeros(5000)})
    assert path.stat().st_size < 40_000
    monkeypatch.setattr("keras_consistency_cli.loading.rows.tables._MAX_BYTES", 40_000)
    with pytest.raises(DataError) as caught:
        open_rows(path)
    assert caught.value.what.endswith(
        "x.parquet unpacks to 5000 rows of 2 columns, more than 1 GiB, which would have to be held in memory"
    )


def test_without_pyarrow_the_message_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and so on PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError) as caught:
        open_rows(tmp_path / "x.parquet")
    assert caught.value.what == f"data {tmp_path / 'x.parquet'} needs pyarrow, which is not installed"
    assert caught.value.fix == "pip install 'keras-consistency-cli[tables]', or save it with np.save"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age,town\n1,Rome\n", "column 'town' holds 'Rome', which is no number"),
        ('"age",b,age\n1,2,3\n', "has two columns called 'age'"),
        ("age,income\n", "has no rows"),
        ("a,b\n1,2\n1,2,3,4\n", "cannot be read: Error tokenizing data"),
    ],
)
def test_tables_that_no_model_can_take(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_rows(csv(tmp_path, text))


def test_without_pandas_the_message_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError) as caught:
        open_rows(csv(tmp_path, "a\n1\n"), what="reference rows")
    assert caught.value.what == f"reference rows {tmp_path / 'x.csv'} needs pandas, which is not installed"
    assert caught.value.fix == "pip install 'keras-consistency-cli[tables]', or save it with np.save"


def test_a_header_longer_than_what_tells_the_kind_of_a_file_is_read_whole(tmp_path: Path) -> None:
    names = [f"column{at}" for at in range(12_000)]
    source = open_rows(csv(tmp_path, f"{','.join(names)}\n{','.join('1' for _ in names)}\n"))
    assert source.columns == tuple(names)


def test_the_value_that_is_no_number_is_the_one_that_is_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'a' holds 'x2', which is no number"):
        open_rows(csv(tmp_path, "a\n1\nx2\n3\n"))
