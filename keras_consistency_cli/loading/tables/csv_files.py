"""CSV files as columns, read with the standard library: numbers are those that Python reads.

A first pass finds the columns of texts, and a second one, only if there are some, gives their texts codes.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables.columns import LARGEST_EXACT, Column, order_words
from keras_consistency_cli.loading.tables.dialects import Dialect
from keras_consistency_cli.text import clean, format_count

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["MISSING", "check_unique", "has_header", "read_csv"]

_CHUNK_ROWS = 4096
_NAN = float("nan")
_EXPECTED = "a header and one line for each row, in UTF-8"
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""Cells without a value: those that pandas.read_csv takes for missing."""
_TRUE, _FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
_NOT_WHOLE = frozenset(".eEnNiI")
"""Characters of fractions, powers of ten, NaN and infinity."""
_Floats = npt.NDArray[np.float64]


def read_csv(
    handle: IO[bytes], label: str, dialect: Dialect, as_texts: Sequence[str] = ()
) -> tuple[tuple[str, ...] | None, list[Column]]:
    """Return the names of the columns, None without a header, and the columns.

    Args:
        handle: the open file; it stays open.
        label: its name in messages, already cleaned.
        dialect: how it writes its numbers.
        as_texts: columns that are texts even if they look like numbers.

    Raises:
        DataError: not UTF-8, a line with more or fewer cells than the first, two columns of one name.
    """
    names = _read_names(handle, label, dialect)
    scan = _Scan(label=label, dialect=dialect, skipped=0 if names is None else 1)
    stated = frozenset(place for place, name in enumerate(names or ()) if name in as_texts)
    columns = scan.read(handle, stated)
    texts = frozenset(place for place, column in enumerate(columns) if column.holds_texts)
    if texts:
        columns = scan.read(handle, texts | stated)
    named = names or tuple(str(place) for place in range(len(columns)))
    return names, [column.finish(name) for name, column in zip(named, columns, strict=False)]


def has_header(cells: Sequence[str], dialect: Dialect) -> bool:
    """Whether the first line holds anything but numbers.

    The line 0, 1, 2 is a header as well: pandas writes it above columns without names.
    """
    is_count = len(cells) > 1 and list(cells) == [str(place) for place in range(len(cells))]
    return is_count or not all(dialect.is_number(cell) for cell in cells)


def check_unique(names: Sequence[str], label: str) -> None:
    """Refuse two columns of one name.

    Raises:
        DataError: there are two.
    """
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(
            f"{label} has two columns called '{clean(repeated)}'", expected="one name for each column"
        )


@dataclass
class _Cells:
    """The cells of one column so far."""

    is_coded: bool
    parts: list[_Floats] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    numbers: bool = False
    truths: bool = False
    texts: bool = False
    whole: bool = True

    @property
    def holds_texts(self) -> bool:
        """Whether a value is neither a number nor missing; true and false are numbers by themselves only."""
        return self.texts or (self.truths and self.numbers)

    def add(self, cells: Sequence[str], dialect: Dialect) -> None:
        """Add cells, as codes if this is known to be a column of texts."""
        if self.is_coded:
            numbers = [
                _NAN if cell in MISSING else self.codes.setdefault(cell, len(self.codes)) for cell in cells
            ]
            self.parts.append(np.array(numbers, dtype=np.float64))
        elif not self.texts:
            self.parts.append(self._read_numbers(cells, dialect))

    def finish(self, name: str) -> Column:
        """Return the whole column."""
        values = np.concatenate(self.parts) if self.parts else np.zeros(0)
        if self.is_coded:
            return order_words(name, values, tuple(self.codes))
        is_whole = self.whole and self.numbers and np.abs(values).max() <= LARGEST_EXACT
        return Column(name=name, values=values, is_whole=bool(is_whole))

    def _read_numbers(self, cells: Sequence[str], dialect: Dialect) -> _Floats:
        joined = "".join(cells)
        is_plain = dialect.decimal == "." and dialect.thousands is None
        if is_plain and joined.isascii() and "_" not in joined:
            try:
                numbers = np.fromiter(map(float, cells), np.float64, len(cells))
            except ValueError:
                pass
            else:
                self.numbers = True
                self.whole = self.whole and _NOT_WHOLE.isdisjoint(joined)
                return numbers
        return np.array([self._read_number(cell, dialect) for cell in cells], dtype=np.float64)

    def _read_number(self, cell: str, dialect: Dialect) -> float:
        text = cell.strip()
        digits = dialect.normalise(text)
        self.whole = self.whole and digits.removeprefix("-").isdecimal()
        if text in MISSING:
            return _NAN
        if text in _TRUE or text in _FALSE:
            self.truths = True
            return float(text in _TRUE)
        number = dialect.to_number(text)
        if number is None:
            self.texts = True
            return _NAN
        self.numbers = True
        return number


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """Reads the lines of a file; `skipped` are those of the header."""

    label: str
    dialect: Dialect
    skipped: int

    def read(self, handle: IO[bytes], texts: frozenset[int]) -> list[_Cells]:
        """Return the cells of each column; those of the columns in `texts` get codes."""
        columns: list[_Cells] = []
        for rows in self._iterate_chunks(handle):
            columns = columns or [_Cells(is_coded=place in texts) for place in range(len(rows[0]))]
            for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
                column.add(cells, self.dialect)
        return columns

    def _iterate_chunks(self, handle: IO[bytes]) -> Iterator[list[list[str]]]:
        with _reading_lines(handle, self.label, self.dialect) as reader:
            rows = self._check_width(reader)
            for _ in range(self.skipped):
                next(rows)
            while chunk := list(islice(rows, _CHUNK_ROWS)):
                yield chunk

    def _check_width(self, reader: Reader) -> Iterator[list[str]]:
        """Yield the lines that are not empty."""
        width = 0
        for row in filter(None, reader):
            width = width or len(row)
            if len(row) != width:
                raise self._describe_ragged(len(row), width, reader.line_num + self.dialect.has_statement)
            yield row

    def _describe_ragged(self, found: int, width: int, line: int) -> DataError:
        return DataError(
            f"{self.label}: line {line} has {format_count(found, 'cell')}, the first line has {width}",
            expected="the same number of cells in each line",
            fix="put cells that hold the separator into quotes, and leave cells without a value empty",
        )


def _read_names(handle: IO[bytes], label: str, dialect: Dialect) -> tuple[str, ...] | None:
    with _reading_lines(handle, label, dialect) as reader:
        cells: list[str] = next(filter(None, reader), [])
    if not has_header(cells, dialect):
        return None
    check_unique(cells, label)
    # An index without a name, as pandas writes it and calls it.
    return tuple(name or f"Unnamed: {place}" for place, name in enumerate(cells))


@contextmanager
def _reading_lines(handle: IO[bytes], label: str, dialect: Dialect) -> Iterator[Reader]:
    """Read a file from its beginning, and leave it open.

    Raises:
        DataError: it is not UTF-8, or a quote is never closed.
    """
    handle.seek(0)
    text = io.TextIOWrapper(handle, encoding="utf-8-sig", newline="")
    try:
        if dialect.has_statement:
            text.readline()
        yield csv.reader(text, delimiter=dialect.separator)
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{label} is not UTF-8 (byte 0x{problem.object[problem.start]:02x})",
            expected=_EXPECTED,
            fix="iconv -f latin1 -t utf-8 old.csv > new.csv",
        ) from problem
    except csv.Error as problem:
        raise DataError(
            f"{label} cannot be read: {clean(problem)}; a quote may be open", expected=_EXPECTED
        ) from problem
    finally:
        text.detach()
