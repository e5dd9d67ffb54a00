"""Tables: .csv and .parquet as rows with named columns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.data import open_rows, take

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
        ('"a b","c"\r\n1,\r\n', ("a b", "c"), [[1, np.nan]]),
        ("flag,n\nTrue,1\nFalse,2\n", ("flag", "n"), [[1, 1], [0, 2]]),
    ],
)
def test_csv(tmp_path: Path, text: str, columns: tuple[str, ...] | None, rows: list[list[float]]) -> None:
    source = open_rows(csv(tmp_path, text))
    assert (source.columns, source.length, source.named) == (columns, len(rows), False)
    assert np.array_equal(take(source, {"x": "data"}, np.arange(len(rows)))["x"], np.array(rows), equal_nan=True)


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"b": [1.0, 2.0], "a": [3, 4]}).to_parquet(tmp_path / "x.parquet")
    source = open_rows(tmp_path / "x.parquet")
    assert (source.columns, source.arrays["data"].tolist()) == (("b", "a"), [[1.0, 3.0], [2.0, 4.0]])


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


def test_without_pandas_the_message_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError) as caught:
        open_rows(csv(tmp_path, "a\n1\n"), what="reference rows")
    assert caught.value.what == f"reference rows {tmp_path / 'x.csv'} needs pandas, which is not installed"
    assert caught.value.mend == "pip install 'keras-consistency-cli[tables]', or save it with np.save"
