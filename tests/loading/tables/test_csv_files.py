"""CSV files are read as columns, with the standard library alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables import csv_files
from keras_consistency_cli.loading.tables.csv_files import read_csv
from keras_consistency_cli.loading.tables.dialects import Dialect

COMMA = Dialect()


def columns(text: str, dialect: Dialect = COMMA) -> dict[str, list[float]]:
    handle = io.BytesIO(text.encode())
    _, found = read_csv(handle, "x.csv", dialect)
    assert not handle.closed
    return {column.name: column.values.tolist() for column in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a\n1e400\n-Infinity\n", {"a": [np.inf, -np.inf]}),
        (",a\n0,7\n", {"Unnamed: 0": [0], "a": [7]}),
        ('a\n"1"\n 2 \n', {"a": [1, 2]}),
        ("a,b\ntrue,1\nFALSE,0\n", {"a": [1, 0], "b": [1, 0]}),
        ("a\n0.1\n", {"a": [0.1]}),
    ],
    ids=["empty line", "infinite", "index", "quotes", "truths", "nearest float"],
)
def test_numbers_are_those_of_python(text: str, expected: dict[str, list[float]]) -> None:
    assert columns(text) == expected


@pytest.mark.parametrize("cell", sorted(csv_files.MISSING - {""}))
def test_what_pandas_takes_for_missing_is_missing(cell: str) -> None:
    assert np.array_equal(columns(f"a,b\n1,{cell}\n{cell},2\n")["a"], [1, np.nan], equal_nan=True)


@pytest.mark.parametrize("cell", ["1_000", "٣", "0x1F", "1,5", "12 %"])
def test_what_only_python_or_a_reader_takes_for_a_number_is_text(cell: str) -> None:
    _, (column, _) = read_csv(io.BytesIO(f'a,b\n"{cell}",1\n'.encode()), "x.csv", COMMA)
    assert column.words == (cell,)


def test_a_text_behind_many_numbers_keeps_the_numbers_as_they_are_written() -> None:
    rows = ["a,b", *(f"{place:05},1" for place in range(5000)), "A-17,1"]
    _, (column, _) = read_csv(io.BytesIO("\n".join(rows).encode()), "x.csv", COMMA)
    assert column.words is not None
    assert (len(column.words), column.words[0]) == (5001, "00000")
    assert column.words[int(column.values[-1])] == "A-17"


def test_truths_and_numbers_in_one_column_are_texts() -> None:
    _, (column, _) = read_csv(io.BytesIO(b"a,b\nTrue,1\n3,2\n"), "x.csv", COMMA)
    assert column.words == ("3", "True")


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n1,2,3\n",
        b'a,b\n"1\n2",3\n\n4\n',
        b"a,b\n1,caf\xe9\n",
        b'a,b\n1,"' + b"x" * 200_000,
        b"a,b,a\n1,2,3\n",
    ],
    ids=["longer line", "shorter line", "latin-1", "open quote", "two of one name"],
)
def test_files_that_are_no_table_are_refused_with_the_place(
    content: bytes, wording: SnapshotAssertion
) -> None:
    with pytest.raises(DataError) as refused:
        read_csv(io.BytesIO(content), "data x.csv", COMMA)
    assert str(refused.value) == wording
