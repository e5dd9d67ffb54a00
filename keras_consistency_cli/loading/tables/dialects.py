"""How a CSV file writes its numbers: separator, decimal sign and thousands, read from its first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.text import clean

__all__ = ["Dialect", "find_dialect"]

_SEPARATORS = {";": "semicolon", "\t": "tab", "|": "bar"}
_MOST_LINES = 200
_STATEMENT = re.compile(r"sep=([;,\t|])")
_COMMA_DECIMAL = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_COMMA_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The characters of a CSV file; those of most files are the defaults."""

    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    has_statement: bool = False
    """Whether the first line states the separator for Excel, as `sep=;`."""

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
        text = cell.strip().replace(self.thousands, "") if self.thousands else cell.strip()
        if "_" in text:  # a number in Python, not in a table
            return None
        try:
            return float(text.replace(self.decimal, ".").encode())  # str has digits of other scripts
        except ValueError:
            return None


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
    cells = list(_cells(lines, separator))
    decimals = [cell for cell in cells if _COMMA_DECIMAL.fullmatch(cell)]
    thousands = [cell for cell in cells if _COMMA_THOUSANDS.fullmatch(cell)]
    sure_decimals, sure_thousands = {*decimals} - {*thousands}, {*thousands} - {*decimals}
    if separator == ",":
        # In quotes: without its comma, 1,5 would be read as 15.
        return Dialect(thousands="," if thousands and not sure_decimals else None)
    if thousands and not sure_decimals and not sure_thousands:
        raise DataError(
            f"{label}: '{clean(thousands[0], 40)}' can be a decimal comma or a thousands separator",
            fix="write decimals with a point, or numbers without separators of thousands",
        )
    if sure_decimals:
        is_grouped = any("." in cell for cell in sure_decimals)
        return Dialect(separator=separator, decimal=",", thousands="." if is_grouped else None)
    return Dialect(separator=separator, thousands="," if sure_thousands else None)


def _splits(lines: Sequence[str], separator: str) -> bool:
    """Whether every line has the same number of cells, more than one; pandas ignores empty lines."""
    counts = {len(row) for row in csv.reader(lines, delimiter=separator) if row}
    return len(counts) == 1 and counts.pop() > 1


def _cells(lines: Sequence[str], separator: str) -> Iterator[str]:
    for row in csv.reader(lines, delimiter=separator):
        yield from (cell.strip() for cell in row)
