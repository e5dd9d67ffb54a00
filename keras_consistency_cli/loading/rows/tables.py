"""Tables: .csv and .parquet files as one array with named columns, read through pandas, which is imported only then."""

from __future__ import annotations

import codecs
import csv
import importlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.text import clean

__all__ = ["is_table", "read_table"]

_MAX_BYTES = 2**30
"""Tables are read into memory; larger ones must be saved as .npy, which is mapped."""
_VALUE_BYTES = 8
_SAVE = "np.save('x.npy', frame.to_numpy())"
_EXPECTED_PARQUET = "a whole Parquet file with a column of numbers for each feature"
_INSTALL = "pip install 'keras-consistency-cli[tables]'"


def is_table(path: Path, start: bytes) -> bool:
    """Whether a file is a table: by its first bytes for Parquet, by its name for CSV."""
    return start.startswith(b"PAR1") or (path.suffix.lower() == ".csv" and bool(start) and b"\0" not in start)


def read_table(
    handle: IO[bytes], size: int, start: bytes, label: str
) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
    """Return the table as float64 rows, and its columns' names; None for a CSV whose first line holds numbers already.

    Args:
        handle: the open file, at any position.
        size: its length in bytes.
        start: its first bytes.
        label: how messages name it, cleaned already.

    Raises:
        UsageError: pandas, or what it reads Parquet with, is not installed.
        DataError: damaged, empty, too large, columns that are not numbers, or two of the same name.
    """
    if size > _MAX_BYTES:
        raise DataError(
            f"{label} is a table of more than 1 GiB, which would have to be read into memory", fix=_SAVE
        )
    handle.seek(0)
    frame, named = _parsed(handle, start, label)
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{label} has no rows", expected="a header and one line for each row")
    return _numbers(frame, label), tuple(str(name) for name in frame.columns) if named else None


def _parsed(handle: IO[bytes], start: bytes, label: str) -> tuple[Any, bool]:
    try:
        pandas: Any = importlib.import_module("pandas")
    except ImportError as error:
        raise UsageError(
            f"{label} needs pandas, which is not installed", fix=f"{_INSTALL}, or save it with np.save"
        ) from error
    try:
        if start.startswith(b"PAR1"):
            _check_parquet(handle, label)
            return pandas.read_parquet(handle).rename(columns=str), True
        first = handle.readline(_MAX_BYTES).removeprefix(codecs.BOM_UTF8)
        handle.seek(0)
        named = _has_header(first)
        _check_header(first if named else b"", label)
        frame = pandas.read_csv(handle, header=0 if named else None)
    except ImportError as error:
        raise UsageError(
            f"{label} needs pyarrow, which is not installed", fix=f"{_INSTALL}, or save it with np.save"
        ) from error
    except DataError:
        raise
    except Exception as problem:  # damaged files make pandas and pyarrow fail in any way
        told = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        expected = _EXPECTED_PARQUET if start.startswith(b"PAR1") else "a header and one line for each row"
        raise DataError(f"{label} cannot be read: {clean(told)}", expected=expected) from problem
    return frame.rename(columns=str) if named else frame, named


def _check_parquet(handle: IO[bytes], label: str) -> None:
    """Refuse, by what the file says of itself and before its pages are unpacked, columns of one name and more values than memory should hold."""
    found = importlib.import_module("pyarrow.parquet").ParquetFile(handle)
    names = list(found.schema_arrow.names)
    _check_twice(names, label)
    if found.metadata.num_rows * max(len(names), 1) * _VALUE_BYTES > _MAX_BYTES:
        shape = f"{found.metadata.num_rows} rows of {len(names)} columns"
        raise DataError(
            f"{label} unpacks to {shape}, more than 1 GiB, which would have to be held in memory", fix=_SAVE
        )
    handle.seek(0)


def _has_header(start: bytes) -> bool:
    """Whether the first line holds anything but numbers, or the 0, 1, 2 that pandas writes above columns without names."""
    cells = start.split(b"\n", 1)[0].strip().split(b",")
    counted = len(cells) > 1 and cells == [str(at).encode() for at in range(len(cells))]
    return counted or not all(_is_number(cell) for cell in cells)


def _check_header(start: bytes, label: str) -> None:
    """Refuse two columns of one name, of which pandas would rename the second."""
    _check_twice(
        next(csv.reader([start.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")]), []), label
    )


def _check_twice(names: list[str], label: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{label} has two columns called '{clean(twice)}'", expected="one name for each column"
        )


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_text(column: Any) -> Any:
    """The value that made the column one of texts; pandas reads the numbers before it as numbers or as texts."""
    return next((value for value in column if not _is_number(str(value).encode())), column.iloc[0])


def _numbers(frame: Any, label: str) -> npt.NDArray[Any]:
    for name, dtype in frame.dtypes.items():
        if getattr(dtype, "kind", "O") not in "fiub":
            column = frame[name].dropna()
            if not len(column):
                continue  # missing in every row
            raise DataError(
                f"{label}: column '{clean(name)}' holds {clean(repr(_first_text(column)), 60)}, which is no number",
                expected="numbers in every column",
                fix="leave the column out, or encode it as in training",
            )
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
