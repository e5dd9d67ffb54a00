"""Tables: .csv and .parquet files as one array with named columns.

They are read through pandas, which is imported only if there is a table.
"""

from __future__ import annotations

import codecs
import csv
import importlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.dialects import Dialect, find_dialect
from keras_consistency_cli.loading.rows.reading import Reading, select_columns
from keras_consistency_cli.loading.rows.texts import to_texts
from keras_consistency_cli.text import clean

__all__ = ["Table", "is_table", "read_table"]

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


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: float64 rows, or texts; the names of its columns if it has any, and remarks for the report."""

    values: npt.NDArray[Any]
    columns: tuple[str, ...] | None
    remarks: tuple[str, ...] = ()


def read_table(handle: IO[bytes], size: int, start: bytes, label: str, reading: Reading) -> Table:
    """Return the table as float64 rows, or as texts if no column holds numbers, and the names of its columns.

    The names are None for a CSV file whose first line already holds numbers.

    Args:
        handle: the open file, at any position.
        size: its length in bytes.
        start: its first bytes.
        label: its name in messages, already cleaned.
        reading: the columns to use.

    Raises:
        UsageError: pandas, or its Parquet reader, is not installed.
        DataError: damaged, empty, too large, columns that are not numbers, or two of the same name.
    """
    if size > _MAX_BYTES:
        raise DataError(
            f"{label} is a table of more than 1 GiB, which would have to be read into memory", fix=_SAVE
        )
    handle.seek(0)
    is_csv = not start.startswith(_PARQUET)
    dialect = find_dialect(start, label) if is_csv else Dialect()
    frame, has_names = _parse(handle, start, label, dialect)
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{label} has no rows", expected=_EXPECTED_CSV)
    names = tuple(map(str, frame.columns)) if has_names else None
    chosen = select_columns(names, reading, label)
    if chosen is not None:
        frame, names = frame[chosen], tuple(chosen)
    remarks = (f"{label}: {dialect.describe()}",) if dialect.describe() else ()
    return Table(values=_convert(frame, dialect, label), columns=names, remarks=remarks)


def _parse(handle: IO[bytes], start: bytes, label: str, dialect: Dialect) -> tuple[Any, bool]:
    """The table as a DataFrame, and whether its columns have names."""
    pandas = _import_pandas(label)
    is_parquet = start.startswith(_PARQUET)
    try:
        if is_parquet:
            return _parse_parquet(pandas, handle, label)
        return _parse_csv(pandas, handle, label, dialect)
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


def _parse_csv(pandas: Any, handle: IO[bytes], label: str, dialect: Dialect) -> tuple[Any, bool]:
    first_line = handle.readline(_MAX_BYTES).removeprefix(codecs.BOM_UTF8)
    handle.seek(0)
    text = first_line.split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r\n ")
    cells = next(csv.reader([text], delimiter=dialect.separator), [])
    has_names = _has_header(cells, dialect)
    if has_names:
        _check_unique(cells, label)  # pandas would rename the second
    frame = pandas.read_csv(
        handle,
        header=0 if has_names else None,
        sep=dialect.separator,
        decimal=dialect.decimal,
        thousands=dialect.thousands,
    )
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


def _has_header(cells: list[str], dialect: Dialect) -> bool:
    """Whether the first line holds anything but numbers.

    The line 0, 1, 2 is a header as well: pandas writes it above columns without names.
    """
    is_count = len(cells) > 1 and cells == [str(position) for position in range(len(cells))]
    return is_count or not all(dialect.is_number(cell) for cell in cells)


def _check_unique(names: list[str], label: str) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(
            f"{label} has two columns called '{clean(repeated)}'", expected="one name for each column"
        )


def _find_text(column: Any, dialect: Dialect) -> Any:
    """The first value that is not a number.

    pandas reads the numbers before it as numbers or as text.
    """
    return next((value for value in column if not dialect.is_number(str(value))), column.iloc[0])


def _is_text(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") not in "fiub"


def _convert(frame: Any, dialect: Dialect, label: str) -> npt.NDArray[Any]:
    """The numbers, or the texts if every column holds texts."""
    texts = [name for name, dtype in frame.dtypes.items() if _is_text(dtype) and len(frame[name].dropna())]
    if len(texts) == len(frame.columns) and all(_holds_words(frame[name], dialect) for name in texts):
        return to_texts(frame.fillna("").to_numpy(dtype=object), label)
    if texts:
        raise _describe_text(texts[0], frame[texts[0]], dialect, label)
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))


def _describe_text(name: Any, column: Any, dialect: Dialect, label: str) -> DataError:
    value = clean(repr(_find_text(column.dropna(), dialect)), 60)
    quoted = shlex.quote(clean(name))
    for_texts = f"; for a model of texts: --columns {quoted}" if _holds_words(column, dialect) else ""
    return DataError(
        f"{label}: column '{clean(name)}' holds {value}, which is not a number",
        expected="numbers in every column, or texts in every column",
        fix=f"leave the column out: --drop {quoted}, or encode it as in training{for_texts}",
    )


def _holds_words(column: Any, dialect: Dialect) -> bool:
    """Whether no value is a number: a column of numbers with one wrong value is not one of texts."""
    values = column.dropna()
    return not any(dialect.is_number(str(value)) for value in values) and isinstance(values.iloc[0], str)
