"""Tables: .csv and .parquet files as one array with named columns.

CSV files need nothing but the standard library; pyarrow is imported only for a Parquet file.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.reading import Reading, drop_option, select_columns
from keras_consistency_cli.loading.tables.columns import LARGEST_EXACT, Column, Words, combine, encode
from keras_consistency_cli.loading.tables.csv_files import check_unique, read_csv
from keras_consistency_cli.loading.tables.dialects import Dialect, find_dialect
from keras_consistency_cli.text import clean

__all__ = ["Table", "is_table", "read_parquet_form", "read_table"]

_MAX_BYTES = 2**30
"""Tables are read into memory; larger ones must be saved as .npy, which is mapped."""
_VALUE_BYTES = 8
_SAVE = "np.save('x.npy', frame.to_numpy())"
_EXPECTED_CSV = "a header and one line for each row"
_EXPECTED_PARQUET = "a complete Parquet file with a column of numbers for each feature"
_PARQUET = b"PAR1"
_Columns: TypeAlias = tuple[tuple[str, ...] | None, list[Column]]
_INSTALL = "pip install pyarrow, or save the rows with frame.to_csv('x.csv', index=False)"


def is_table(path: Path, start: bytes) -> bool:
    """Whether a file is a table: by its first bytes for Parquet, by its name for CSV."""
    is_csv = path.suffix.lower() == ".csv" and bool(start) and b"\0" not in start
    return start.startswith(_PARQUET) or is_csv


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: float64 rows, or texts; the names of its columns if it has any, and remarks for the report.

    `words` are the words of columns that hold codes of texts.
    """

    values: npt.NDArray[Any]
    columns: tuple[str, ...] | None
    words: Words = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    """The columns of whole numbers; columns without names are counted from "0"."""
    remarks: tuple[str, ...] = ()


def read_table(handle: IO[bytes], size: int, start: bytes, label: str, reading: Reading) -> Table:
    """Return the table as float64 rows, or as texts if no column holds numbers, and the names of its columns.

    The names are None for a CSV file whose first line already holds numbers.

    Args:
        handle: the open file, at any position.
        size: its length in bytes.
        start: its first bytes.
        label: its name in messages, already cleaned.
        reading: the columns to use, and what becomes of texts.

    Raises:
        UsageError: pyarrow, which reads Parquet, is not installed.
        DataError: damaged, empty, too large, columns that are not numbers, or two of the same name.
    """
    if size > _MAX_BYTES:
        raise DataError(
            f"{label} is a table of more than 1 GiB, which would have to be read into memory", fix=_SAVE
        )
    handle.seek(0)
    is_csv = not start.startswith(_PARQUET)
    dialect = find_dialect(start, label) if is_csv else Dialect()
    read = _read_csv if is_csv else _read_parquet
    names, columns = read(handle, label, reading, dialect)
    if not columns or not len(columns[0].values):
        raise DataError(f"{label} has no rows", expected=_EXPECTED_CSV)
    values, words = combine(columns, reading.texts if names else "alone", label, dialect)
    remarks = tuple(f"{label}: {words}" for words in (dialect.describe(), dialect.doubt) if words)
    whole = frozenset(column.name for column in columns if column.is_whole)
    return Table(values=values, columns=names, words=words, whole=whole, remarks=remarks)


def _read_csv(handle: IO[bytes], label: str, reading: Reading, dialect: Dialect) -> _Columns:
    names, columns = read_csv(handle, label, dialect, reading.as_texts)
    chosen = select_columns(names, reading, label)
    if chosen is None:
        return names, columns
    by_name = {column.name: column for column in columns}
    return tuple(chosen), [by_name[name] for name in chosen]


def _read_parquet(handle: IO[bytes], label: str, reading: Reading, _: Dialect) -> _Columns:
    with _reading_parquet(handle, label) as file:
        names = _check_parquet(file, label)
        table = file.read(columns=select_columns(names, reading, label) or names)
        columns = [_read_column(name, table.column(name), label) for name in table.column_names]
    return tuple(column.name for column in columns), columns


def read_parquet_form(
    path: Path, label: str, reading: Reading
) -> tuple[int, tuple[str, ...], frozenset[str]]:
    """Return the number of rows of a Parquet file, the names of its columns, and those of integers.

    Its rows are not read.

    Raises:
        UsageError: pyarrow is not installed.
        DataError: damaged, too large, or without these columns.
    """
    with path.open("rb") as handle, _reading_parquet(handle, label) as file:
        names = _check_parquet(file, label)
        chosen = tuple(select_columns(names, reading, label) or names)
        is_integer = importlib.import_module("pyarrow.types").is_integer
        integers = frozenset(name for name in chosen if is_integer(file.schema_arrow.field(name).type))
        return int(file.metadata.num_rows), chosen, integers


@contextmanager
def _reading_parquet(handle: IO[bytes], label: str) -> Iterator[Any]:
    try:
        yield importlib.import_module("pyarrow.parquet").ParquetFile(handle)
    except ImportError as error:
        raise UsageError(f"{label} needs pyarrow, which is not installed", fix=_INSTALL) from error
    except DataError:
        raise
    except Exception as problem:  # pyarrow fails on damaged files in any way
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise DataError(f"{label} cannot be read: {clean(reason)}", expected=_EXPECTED_PARQUET) from problem


def _check_parquet(file: Any, label: str) -> list[str]:
    """Return the names of the columns; refuse two of one name, and more values than memory should hold.

    Only the file's own description is read, before its pages are unpacked.
    """
    names, rows = list(file.schema_arrow.names), file.metadata.num_rows
    check_unique(names, label)
    if rows * max(len(names), 1) * _VALUE_BYTES > _MAX_BYTES:
        raise DataError(
            f"{label} unpacks to {rows} rows of {len(names)} columns, more than 1 GiB, "
            "which would have to be held in memory",
            fix=_SAVE,
        )
    index = _index_names(file.schema_arrow)
    return [name for name in names if name not in index]


def _index_names(schema: Any) -> Sequence[str]:
    """The columns that pandas stored as the index of the table."""
    stored = (schema.pandas_metadata or {}).get("index_columns", ())
    return [name for name in stored if isinstance(name, str)]


def _read_column(name: str, column: Any, label: str) -> Column:
    types = importlib.import_module("pyarrow.types")
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return encode(name, column.to_pylist())
    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    if column.null_count == len(column):
        return Column(name=name, values=np.full(len(column), np.nan))
    if not any(is_kind(kind) for is_kind in tests):
        value = next(value for value in column.to_pylist() if value is not None)
        raise DataError(
            f"{label}: column '{clean(name)}' holds {clean(repr(value), 60)}, which is not a number",
            expected="numbers in every column, or texts in every column",
            fix=f"leave the column out: {drop_option([name])}, or encode it as in training",
        )
    values = column.cast("float64", safe=False).to_numpy()
    is_whole = types.is_integer(kind) and not column.null_count and np.abs(values).max() <= LARGEST_EXACT
    return Column(name=name, values=values, is_whole=bool(is_whole))
