"""How a CSV file writes its numbers: separator, decimal sign and thousands, read from its first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.text import clean

__all__ = ["Dialect", "find_dialect"]

_SEPARATORS = {";": "semicolon", "\t": "tab", "|": "bar"}
_MOST_LINES = 200
_STATEMENT = re.compile(r"sep=([;,\t|])")
_COMMA_DECIMAL = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_COMMA_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_POINT_DECIMAL = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
_POINT_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")
_SHORT = re.compile(r"[-+]?\d{0,3}")
"""Whole numbers that need no sign between thousands, and cells without a value."""
_GROUPS = {
    ",": re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?"),
    ".": re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d*)?"),
}
_Columns = Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The characters of a CSV file; those of most files are the defaults."""

    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    has_statement: bool = False
    """Whether the first line states the separator for Excel, as `sep=;`."""
    has_points: bool = False
    """Whether some columns have decimal points although others have decimal commas."""
    doubt: str = ""
    """What numbers are read as that could be others, empty if there are none."""

    def describe(self) -> str:
        """Return what differs from most files, empty if nothing does."""
        names = {".": "point", ",": "comma"}
        parts = [f"separated by {_SEPARATORS[self.separator]}s"] if self.separator != "," else []
        parts += ["decimal comma"] if self.decimal == "," else []
        parts += [f"{names[self.thousands]} between thousands"] if self.thousands else []
        return ", ".join(parts)

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a number in this dialect."""
        return self.to_number(cell) is not None

    def to_number(self, cell: str) -> float | None:
        """Return the number in a cell, None if it holds anything else."""
        text = self.normalise(cell)
        if "_" in text:  # a number in Python, not in a table
            return None
        try:
            return float(text.encode())  # str has digits of other scripts
        except ValueError:
            return None

    def normalise(self, cell: str) -> str:
        """Return a cell with a decimal point and nothing between thousands, if it is a number.

        Signs between thousands are taken away only where three digits follow each: 3.5 is not 35. Beside
        decimal commas, a point stands between thousands even if no number among the first lines has one.
        """
        text = cell.strip()
        between = self.thousands or ("." if self.decimal == "," and not self.has_points else None)
        if between and between in text:
            return text.replace(between, "").replace(",", ".") if _GROUPS[between].fullmatch(text) else "?"
        return text.replace(self.decimal, ".")


def find_dialect(start: bytes, label: str) -> Dialect:
    """Return the dialect of a file.

    Args:
        start: its first bytes; the last line may be cut.
        label: its name in messages, already cleaned.

    Raises:
        DataError: its numbers can be read in two ways.
    """
    text = start.decode("utf-8-sig", "replace")
    lines = text.splitlines()[:_MOST_LINES]
    lines = lines[:-1] if len(lines) > 1 and not text.endswith("\n") else lines
    stated = _STATEMENT.fullmatch(lines[0]) if lines else None
    if stated is not None:
        dialect = _find_signs(lines[1:], stated[1], label)
        return replace(dialect, has_statement=True)
    return _find_signs(lines, next((sign for sign in _SEPARATORS if _splits(lines, sign)), ","), label)


def _find_signs(lines: Sequence[str], separator: str, label: str) -> Dialect:
    """Return how numbers are written between separators."""
    columns = _columns(lines, separator)
    cells = [cell for column in columns for cell in column]
    decimals = [cell for cell in cells if _COMMA_DECIMAL.fullmatch(cell)]
    thousands = [cell for cell in cells if _COMMA_THOUSANDS.fullmatch(cell)]
    sure_decimals, sure_thousands = {*decimals} - {*thousands}, {*thousands} - {*decimals}
    if separator == ",":
        # In quotes: without its comma, 1,5 would be read as 15.
        if thousands and not sure_decimals:
            return Dialect(thousands=",")
        return _find_points(columns, separator)
    if thousands and not sure_decimals and not sure_thousands:
        raise DataError(
            f"{label}: '{clean(thousands[0], 40)}' can be a decimal comma or a thousands separator",
            fix="write decimals with a point, or numbers without separators of thousands",
        )
    if sure_decimals:
        return _find_points_beside_commas(columns, separator, sorted(sure_decimals), label)
    if sure_thousands:
        return Dialect(separator=separator, thousands=",")
    return _find_points(columns, separator)


def _find_points_beside_commas(
    columns: _Columns, separator: str, decimals: Sequence[str], label: str
) -> Dialect:
    """Return what a point is beside decimal commas: 3.531 is 3531, if no number has a decimal point."""
    point = next((cell for column in columns if (cell := _find_decimal_point(column))), None)
    grouped = [cell for column in columns if not _find_decimal_point(column) for cell in column]
    grouped = [cell for cell in grouped if _POINT_THOUSANDS.fullmatch(cell)]
    grouped += [cell for cell in decimals if "." in cell]
    if point and grouped:
        raise DataError(
            f"{label}: '{clean(point, 40)}' has a decimal point, '{clean(decimals[0], 40)}' a decimal comma, "
            f"and '{clean(grouped[0], 40)}' can be read in two ways",
            fix="write all decimals with a point, and numbers without separators of thousands",
        )
    thousands = "." if grouped else None
    return Dialect(separator=separator, decimal=",", thousands=thousands, has_points=bool(point))


def _find_points(columns: _Columns, separator: str) -> Dialect:
    """Return what a point is in a file without decimal commas; 1.234.567 has no other reading."""
    doubtful = [column for column in columns if _may_be_grouped(column)]
    has_decimals = any(_find_decimal_point(column) for column in columns)
    if not has_decimals and any(cell.count(".") > 1 for column in doubtful for cell in column):
        return Dialect(separator=separator, decimal=",", thousands=".")
    return Dialect(separator=separator, doubt=_describe_doubt(doubtful[0]) if doubtful else "")


def _find_decimal_point(column: Sequence[str]) -> str | None:
    """Return a number whose point cannot stand between thousands, None if the column has none."""
    return next(
        (cell for cell in column if _POINT_DECIMAL.fullmatch(cell) and not _POINT_THOUSANDS.fullmatch(cell)),
        None,
    )


def _may_be_grouped(column: Sequence[str]) -> bool:
    """Whether all points of a column have three digits after them, below a header if there is one."""
    cells = column if _is_groupable(column[0]) else column[1:]
    return any("." in cell for cell in cells) and all(map(_is_groupable, cells))


def _is_groupable(cell: str) -> bool:
    """Whether a cell has points between thousands, or is too short for them."""
    return bool(_POINT_THOUSANDS.fullmatch(cell) or _SHORT.fullmatch(cell))


def _describe_doubt(column: Sequence[str]) -> str:
    number = next(cell for cell in column if _POINT_THOUSANDS.fullmatch(cell))
    place = "" if _is_groupable(column[0]) else f"in column '{clean(column[0], 40)}', "
    other = clean(number.replace(".", ""), 40)
    return (
        f"{place}{clean(number, 40)} is read with a decimal point; if {other} is meant, write numbers "
        "without separators of thousands"
    )


def _splits(lines: Sequence[str], separator: str) -> bool:
    """Whether every line has the same number of cells, more than one; pandas ignores empty lines."""
    counts = {len(row) for row in csv.reader(lines, delimiter=separator) if row}
    return len(counts) == 1 and counts.pop() > 1


def _columns(lines: Sequence[str], separator: str) -> _Columns:
    """Return the cells of each column; of lines of different lengths, those that all have."""
    rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    return [[cell.strip() for cell in column] for column in zip(*rows, strict=False)]
