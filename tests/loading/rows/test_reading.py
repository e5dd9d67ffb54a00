"""Columns, windows, texts and dialects of the files that people have."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from keras_consistency_cli.errors import DataError, ShapeMismatchError
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.input_matching import match_inputs
from keras_consistency_cli.loading.rows.reading import Reading, parse_window
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.loading.tables.dialects import Dialect, find_dialect
from keras_consistency_cli.measurement.facts import InputFact


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("reading", "columns", "first"),
    [
        (Reading(), ("id", "a", "b"), [7, 1, 2]),
        (Reading(columns=("b", "a")), ("b", "a"), [2, 1]),
        (Reading(drop=("id",)), ("a", "b"), [1, 2]),
        (Reading(columns=("a", "b"), drop=("a",)), ("b",), [2]),
    ],
)
def test_columns_are_chosen_by_name(
    reading: Reading, columns: tuple[str, ...], first: list[int], tmp_path: Path
) -> None:
    source = open_rows(write(tmp_path, "x.csv", "id,a,b\n7,1,2\n8,3,4\n"), reading=reading)
    assert (source.columns, source.arrays["data"][0].tolist()) == (columns, first)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("a,b\n1,2\n", Reading(columns=("c",))),
        ("a,b\n1,2\n", Reading(drop=("c",))),
        ("a,b\n1,2\n", Reading(drop=("a", "b"))),
        ("1,2\n3,4\n", Reading(drop=("a",))),
        ("a,b\n1,x\n", Reading()),
    ],
)
def test_columns_that_are_not_there_are_refused(text: str, reading: Reading, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        open_rows(write(tmp_path, "x.csv", text), reading=reading)


def test_windows_of_a_series_are_those_of_numpy(tmp_path: Path) -> None:
    series = np.arange(20.0).reshape(10, 2)
    np.save(tmp_path / "x.npy", series)
    source = open_rows(tmp_path / "x.npy", reading=Reading(window=parse_window("4,3")))
    windows = take(source, {"x": "data"}, np.arange(source.length))["x"]
    np.testing.assert_array_equal(windows, [series[0:4], series[3:7], series[6:10]])
    with pytest.raises(DataError):
        open_rows(tmp_path / "x.npy", reading=Reading(window=(11, 1)))


def test_one_table_feeds_inputs_by_the_names_of_its_columns(tmp_path: Path) -> None:
    inputs = tuple(InputFact(name=name, shape=(None, 1), dtype="float32") for name in ("b", "a"))
    path = write(tmp_path, "x.csv", "id,a,b\n7,1,2\n8,3,4\n")
    with pytest.raises(DataError) as refusal:
        match_inputs(open_rows(path), inputs, batch_size=None)
    assert refusal.value.fix == "--drop id"
    source = open_rows(path, reading=Reading(drop=("id",)))
    rows = take(source, match_inputs(source, inputs, batch_size=None), np.arange(2))
    assert {name: values.tolist() for name, values in rows.items()} == {"b": [[2], [4]], "a": [[1], [3]]}


@pytest.mark.parametrize(
    ("shape", "expected", "fix"),
    [
        ((50, 3), (None, 24, 3), "--window 24"),
        ((50, 3), (None, 24, None), "--window 24"),
        ((20, 3), (None, 24, 3), None),
        ((50, 2), (None, 24, 3), None),
    ],
)
def test_a_long_series_is_told_about_windows(
    shape: tuple[int, int], expected: tuple[int | None, ...], fix: str | None, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape))
    with pytest.raises(DataError) as refusal:
        match_inputs(
            open_rows(tmp_path / "x.npy"),
            (InputFact(name="x", shape=expected, dtype="float32"),),
            batch_size=None,
        )
    assert ("--window" in (refusal.value.fix or "")) is (fix is not None)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("a,b\n1,2\n", Dialect()),
        ("a;b\n1,5;2\n", Dialect(separator=";", decimal=",")),
        ("1,5;2,25\n2,5;3,5\n", Dialect(separator=";", decimal=",")),
        ("a;b\n1.234,5;2\n", Dialect(separator=";", decimal=",", thousands=".")),
        ("a;b\n1.5;2\n", Dialect(separator=";")),
        ("a;b\n1,234.5;2\n", Dialect(separator=";", thousands=",")),
        ('a,b\n"1,234.5",2\n', Dialect(thousands=",")),
        ("a\tb\n1.5\t2\n", Dialect(separator="\t")),
        ("a\n1.5\n2\n", Dialect()),
        ("text,n\nhello; you,1\n", Dialect()),
        ("a;b\n1,5;2\n\n", Dialect(separator=";", decimal=",")),
        ("a;b\n0,125;-0,375\n", Dialect(separator=";", decimal=",")),
        ('a,b\n"1,5","1,234"\n', Dialect()),
    ],
)
def test_separator_decimal_sign_and_thousands_are_recognised(text: str, dialect: Dialect) -> None:
    assert find_dialect(text.encode(), "x.csv") == dialect


def test_numbers_with_two_meanings_are_refused() -> None:
    with pytest.raises(DataError):
        find_dialect(b"a;b\n1,234;5\n", "x.csv")


def test_values_are_read_in_their_dialect_and_it_is_reported(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path, "x.csv", "a;b\n1.234,5;2\n0,25;-3\n"))
    assert source.arrays["data"].tolist() == [[1234.5, 2.0], [0.25, -3.0]]
    assert len(source.remarks) == 1
    assert open_rows(write(tmp_path, "y.csv", "a,b\n1,2\n")).remarks == ()


def test_a_comma_that_may_be_a_decimal_sign_is_not_removed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1,5"):
        open_rows(write(tmp_path, "x.csv", 'a,b,c\n"1,5","0,125",1\n"2,5","1,234",2\n'))


def test_the_wrong_value_among_decimal_commas_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 'oops'") as refusal:
        open_rows(write(tmp_path, "x.csv", "a;b\n1,5;0,5\noops;wrong\n2,5;3,5\n"))
    assert "texts:" not in (refusal.value.fix or ""), "it is a column of numbers"


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("x.txt", "one two\n\nthree\n", [["one two"], [""], ["three"]]),
        ("x.txt", "one\r\ntwo", [["one"], ["two"]]),
        ("x.csv", "text\none two\nthree\n", [["one two"], ["three"]]),
        ("x.csv", "text,more\none,b\n,c\n", [["one", "b"], ["", "c"]]),
    ],
)
def test_texts_are_rows(name: str, text: str, rows: list[list[str]], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert open_rows(path).arrays["data"].tolist() == rows


@pytest.mark.parametrize(
    ("shape", "rows"), [((None,), ["one", "two"]), ((None, 1), [["one"], ["two"]])], ids=["flat", "with axis"]
)
@pytest.mark.parametrize("name", ["x.txt", "x.csv"])
def test_single_texts_have_the_shape_of_the_input(
    shape: tuple[int | None, ...], rows: list[object], name: str, tmp_path: Path
) -> None:
    source = open_rows(write(tmp_path, name, "one\ntwo\n" if name == "x.txt" else "t\none\ntwo\n"))
    names = match_inputs(source, (InputFact(name="t", shape=shape, dtype="string"),), batch_size=None)
    assert take(source, names, np.arange(2))["t"].tolist() == rows


def test_texts_of_a_npy_keep_their_shape(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([["one"], ["two"]]))
    with pytest.raises(ShapeMismatchError):
        match_inputs(
            open_rows(tmp_path / "x.npy"),
            (InputFact(name="t", shape=(None,), dtype="string"),),
            batch_size=None,
        )


@pytest.mark.parametrize("name", ["x.txt", "x.csv"])
def test_texts_that_need_too_much_memory_are_refused_before_they_are_copied(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_consistency_cli.loading.tables.texts._MAX_BYTES", 10**7)
    pandas = pytest.importorskip("pandas")
    path = write(tmp_path, name, "\n".join(["words", *("word" for _ in range(999)), "x" * 50_000]))
    pandas.read_csv(path)  # what is imported does not count
    tracemalloc.start()
    with pytest.raises(DataError, match="50,000"):
        open_rows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7


@pytest.mark.parametrize("content", [b"1.5 2.5\n3 4\n", b"\xff\xfea\n"])
def test_a_txt_of_numbers_or_of_another_encoding_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(DataError):
        open_rows(tmp_path / "x.txt")


def test_empty_lines_are_rows_and_said_to_be(tmp_path: Path) -> None:
    source = open_rows(write(tmp_path, "x.txt", "one\n\n  \ntwo\n"))
    (remark,) = source.remarks
    assert (source.length, "2 lines of 4 are empty" in remark) == (4, True)
    assert open_rows(write(tmp_path, "x.txt", "one\ntwo\n")).remarks == ()
