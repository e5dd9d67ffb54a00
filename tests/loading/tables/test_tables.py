"""Tables (.csv and .parquet) are read as rows with named columns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.loading.tables.columns import Texts
from tests.helpers.error_texts import own_text

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
        ("sep=;\nage;income\n1;2,5\n", ("age", "income"), [[1, 2.5]]),
        ("\ufeffsep=,\r\nage,income\r\n1,2.5\r\n", ("age", "income"), [[1, 2.5]]),
    ],
)
def test_a_csv_file_is_read_with_its_columns(
    tmp_path: Path, text: str, columns: tuple[str, ...] | None, rows: list[list[float]]
) -> None:
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
def test_a_parquet_file_is_read_with_its_columns(
    tmp_path: Path, columns: dict[str, Any], rows: list[list[float]]
) -> None:
    source = open_rows(parquet(tmp_path, columns))
    assert (source.columns, source.named, source.arrays["data"].dtype) == (tuple(columns), False, np.float64)
    assert np.array_equal(source.arrays["data"], np.array(rows), equal_nan=True)


def test_parquet_is_recognised_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"a": [1.0]}).rename(tmp_path / "rows.data")
    assert open_rows(path).columns == ("a",)


@pytest.mark.parametrize(
    "columns",
    [
        {"n": [1, 2], "town": [None, "Rome"]},
        {"when": pandas.to_datetime(["2020-01-01"])},
        {"list": [[1, 2], [3, 4]]},
        {"a": []},
    ],
    ids=["text", "dates", "lists", "no rows"],
)
def test_parquet_that_no_model_can_take_is_refused(
    tmp_path: Path, columns: dict[str, Any], wording: SnapshotAssertion
) -> None:
    path = parquet(tmp_path, columns)
    with pytest.raises(DataError) as refused:
        open_rows(path)
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize("damage", ["cut", "footer", "length", "magic alone"])
def test_damaged_parquet_is_refused(tmp_path: Path, damage: str, wording: SnapshotAssertion) -> None:
    path = parquet(tmp_path, {"a": [1.0, 2.0]})
    content = path.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "footer": content[:-30] + bytes(byte ^ 255 for byte in content[-30:-8]) + content[-8:],
        "length": content[:-8] + b"\xff\xff\xff\x7fPAR1",
        "magic alone": b"PAR1",
    }
    assert damaged[damage] != content
    path.write_bytes(damaged[damage])
    with pytest.raises(DataError) as refused:
        open_rows(path)
    assert "\n" not in refused.value.what
    assert own_text(refused.value, tmp_path) == wording


def test_parquet_with_two_columns_of_one_name_is_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(
        arrow.table([[1, 2], [3, 4]], names=["a", "a"]), tmp_path / "x.parquet"
    )
    with pytest.raises(DataError) as refused:
        open_rows(tmp_path / "x.parquet")
    assert own_text(refused.value, tmp_path) == wording


def test_parquet_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    path = parquet(tmp_path, {"a": np.zeros(5000), "b": np.zeros(5000)})
    assert path.stat().st_size < 40_000
    monkeypatch.setattr("keras_consistency_cli.loading.tables.tables._MAX_BYTES", 40_000)
    with pytest.raises(DataError) as refused:
        open_rows(path)
    assert own_text(refused.value, tmp_path) == wording


def test_without_pyarrow_the_message_says_how_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and so on PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError) as refused:
        open_rows(tmp_path / "x.parquet")
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize(
    "text",
    ["age,town\n1,Rome\n", '"age",b,age\n1,2,3\n', "age,income\n", "a,b\n1,2\n1,2,3,4\n"],
    ids=["text", "two columns of one name", "no rows", "more cells than columns"],
)
def test_csv_that_no_model_can_take_is_refused(tmp_path: Path, text: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        open_rows(csv(tmp_path, text))
    assert own_text(refused.value, tmp_path) == wording


def test_tables_need_no_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = parquet(tmp_path, {"a": [1.0, None], "town": ["Rome", "Paris"]})
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert open_rows(csv(tmp_path, "a\n1\n")).arrays["data"].tolist() == [[1.0]]
    assert open_rows(stored, reading=Reading(columns=("a",))).columns == ("a",)


def test_an_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    frame.to_parquet(tmp_path / "x.parquet")
    assert open_rows(tmp_path / "x.parquet").columns == ("a",)


def test_a_very_long_header_is_read_completely(tmp_path: Path) -> None:
    names = [f"column{at}" for at in range(12_000)]
    source = open_rows(csv(tmp_path, f"{','.join(names)}\n{','.join('1' for _ in names)}\n"))
    assert source.columns == tuple(names)


def test_the_message_shows_the_value_that_is_not_a_number(tmp_path: Path, wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        open_rows(csv(tmp_path, "a\n1\nx2\n3\n"))
    assert "'x2'" in refused.value.what
    assert own_text(refused.value, tmp_path) == wording


def test_a_parquet_of_texts_is_read_as_texts(tmp_path: Path) -> None:
    columns = {"kind": pandas.Categorical(["x", "y"]), "text": ["one", None]}
    assert open_rows(parquet(tmp_path, columns)).arrays["data"].tolist() == [["x", "one"], ["y", ""]]


@pytest.mark.parametrize("texts", ["mixed", "coded"])
def test_texts_beside_numbers_are_codes_with_their_words(tmp_path: Path, texts: Texts) -> None:
    columns = {"age": [1.5, 2.5, 3.5], "town": ["Rome", None, "Paris"]}
    for path in (csv(tmp_path, "age,town\n1.5,Rome\n2.5,\n3.5,Paris\n"), parquet(tmp_path, columns)):
        source = open_rows(path, reading=Reading(texts=texts))
        assert source.words == {"town": ("Paris", "Rome")}
        assert np.array_equal(source.array("data"), [[1.5, 1], [2.5, np.nan], [3.5, 0]], equal_nan=True)
        assert source.array("town").tolist() == [["Rome"], [""], ["Paris"]]


def test_texts_in_every_column_are_codes_only_if_a_scaler_takes_them(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b\nx,y\n,z\n")
    assert open_rows(path, reading=Reading(texts="mixed")).arrays["data"].tolist() == [["x", "y"], ["", "z"]]
    coded = open_rows(path, reading=Reading(texts="coded"))
    assert coded.words == {"a": ("x",), "b": ("y", "z")}
    assert np.array_equal(coded.array("data"), [[0, 0], [np.nan, 1]], equal_nan=True)


def test_a_number_with_a_typing_error_is_no_text_without_a_scaler(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x2"):
        open_rows(csv(tmp_path, "a,b\n1,1\nx2,2\n"), reading=Reading(texts="mixed"))
