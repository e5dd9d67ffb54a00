"""Tables: .csv and .parquet files as one array with named columns.

They are read through pandas, which is imported only if there is a table.
"""

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
_EXPECTED_CSV = "a header and one line for each row"
_EXPECTED_PARQUET = "a complete Parquet file with a column of numbers for each feature"
_PARQUET = b"PAR1"
_INSTALL = "pip install pandas pyarrow, or save the rows with np.save"


def is_table(path: Path, start: bytes) -> bool:
    """Whether a file is a table: by its first bytes for Parquet, by its name for CSV."""
    is_csv = path.suffix.lower() == ".csv" and bool(start) and b"\0" not in start
    return start.startswith(_PARQUET) or is_csv


def read_table(
    handle: IO[bytes], size: int, start: bytes, label: str
) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
    """Return the table as float64 rows, and the names of its columns.

    The names are None for a CSV file whose first line already holds numbers.

    Args:
        handle: the open file, at any position.
        size: its length in bytes.
        start: its first bytes.
        label: its name in messages, already cleaned.

    Raises:
        UsageError: pandas, or its Parquet reader, is not installed.
        DataError: damaged, empty, too large, columns that are not numbers, or two of the same name.
    """
    if size > _MAX_BYTES:
        raise DataError(
            f"{label} is a table of more than 1 GiB, which would have to be read into memory", fix=_SAVE
        )
    handle.seek(0)
    frame, has_names = _parse(handle, start, label)
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{label} has no rows", expected=_EXPECTED_CSV)
    return _convert_to_numbers(frame, label), tuple(map(str, frame.columns)) if has_names else None


def _parse(handle: IO[bytes], start: bytes, label: str) -> tuple[Any, bool]:
    """The table as a DataFrame, and whether its columns have names."""
    pandas = _import_pandas(label)
    is_parquet = start.startswith(_PARQUET)
    try:
        return _parse_parquet(pandas, handle, label) if is_parquet else _parse_csv(pandas, handle, label)
    except ImportError as error:
        raise UsageError(f"{label} needs pyarrow, which is not installed", fix=_INSTALL) from error
    except DataError:
        raise
    except Exception as problem:  # pandas and pyarrow fail on damaged files in any way
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        expected = _EXPECTED_PARQUET if is_parquet else _EXPECTED_CSV
        raise DataError(f"{label} cannot be read: {clean(reason)}", expected=expected) from problem


def _import_pandas(label: str) -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise UsageError(f"{label} needs pandas, which is not installed", fix=_INSTALL) from error


def _parse_parquet(pandas: Any, handle: IO[bytes], label: str) -> tuple[Any, bool]:
    _check_parquet(handle, label)
    return pandas.read_parquet(handle).rename(columns=str), True


def _parse_csv(pandas: Any, handle: IO[bytes], label: str) -> tuple[Any, bool]:
    first_line = handle.readline(_MAX_BYTES).removeprefix(codecs.BOM_UTF8)
    handle.seek(0)
    has_names = _has_header(first_line)
    if has_names:
        _check_header(first_line, label)
    frame = pandas.read_csv(handle, header=0 if has_names else None)
    return frame.rename(columns=str) if has_names else frame, has_names


def _check_parquet(handle: IO[bytes], label: str) -> None:
    """Refuse columns of one name and more values than memory should hold.

    Only the file's own description is read, before its pages are unpacked.
    """
    file = importlib.import_module("pyarrow.parquet").ParquetFile(handle)
    names, rows = list(file.schema_arrow.names), file.metadata.num_rows
    _check_unique(names, label)
    if rows * max(len(names), 1) * _VALUE_BYTES > _MAX_BYTES:
        raise DataError(
            f"{label} unpacks to {rows} rows of {len(names)} columns, more than 1 GiB, "
            "which would have to be held in memory",
            fix=_SAVE,
        )
    handle.seek(0)


def _has_header(first_line: bytes) -> bool:
    """Whether the first line holds anything but numbers.

    The line 0, 1, 2 is a header as well: pandas writes it above columns without names.
    """
    cells = first_line.split(b"\n", 1)[0].strip().split(b",")
    is_count = len(cells) > 1 and cells == [str(position).encode() for position in range(len(cells))]
    return is_count or not all(_is_number(cell) for cell in cells)


def _check_header(first_line: bytes, label: str) -> None:
    """Refuse two columns of one name: pandas would rename the second."""
    text = first_line.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    _check_unique(next(csv.reader([text]), []), label)


def _check_unique(names: list[str], label: str) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(
            f"{label} has two columns called '{clean(repeated)}'", expected="one name for each column"
        )


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _find_text(column: Any) -> Any:
    """The first value that is not a number.

    pandas reads the numbers before it as numbers or as text.
    """
    return next((value for value in column if not _is_number(str(value).encode())), column.iloc[0])


def _convert_to_numbers(frame: Any, label: str) -> npt.NDArray[Any]:
    for name, dtype in frame.dtypes.items():
        if getattr(dtype, "kind", "O") not in "fiub":
            column = frame[name].dropna()
            if not len(column):
                continue  # missing in every row
            value = clean(repr(_find_text(column)), 60)
            raise DataError(
                f"{label}: column '{clean(name)}' holds {value}, which is not a number",
                expected="numbers in every column",
                fix="leave the column out, or encode it as in training",
            )
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
