"""Texts as rows, for models with TextVectorization or StringLookup: a .txt file has one in each line."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables.dialects import Dialect
from keras_consistency_cli.text import format_bytes, format_count

__all__ = ["describe_empty", "is_text_file", "read_lines", "to_texts"]

_MAX_BYTES = 2**30
_CHARACTER_BYTES = 4


def is_text_file(path: Path, start: bytes) -> bool:
    """Whether a .txt file holds texts; one whose first line holds only numbers is a table."""
    words = start.split(b"\n", 1)[0].decode("utf-8", "replace").replace(",", " ").split()
    is_txt = path.suffix.lower() == ".txt" and bool(start) and b"\0" not in start
    return is_txt and not (words and all(map(Dialect().is_number, words)))


def read_lines(handle: IO[bytes], size: int, label: str) -> npt.NDArray[Any]:
    """Return the lines of a file as rows of shape (rows, 1); empty lines are rows too.

    Raises:
        DataError: it is too large, or not UTF-8.
    """
    if size > _MAX_BYTES:
        raise DataError(f"{label} is larger than {format_bytes(_MAX_BYTES)}", fix="give a part of it")
    handle.seek(0)
    try:
        text = handle.read().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{label} is not UTF-8 at byte {problem.start}",
            expected="text in UTF-8, one row in each line",
            fix="iconv -f latin1 -t utf-8 old.txt > new.txt",
        ) from problem
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return to_texts(np.array(lines, dtype=object)[:, None], label)


def describe_empty(lines: npt.NDArray[Any], label: str) -> tuple[str, ...]:
    """Return a remark on lines without a text, which are rows too; none if each has one."""
    empty = sum(not line.strip() for line in lines.flat)
    count, verb = format_count(empty, "line"), "is" if empty == 1 else "are"
    return (f"{label}: {count} of {len(lines)} {verb} empty: rows with an empty text",) if empty else ()


def to_texts(values: npt.NDArray[Any], label: str) -> npt.NDArray[Any]:
    """Return an array of objects as texts of equal length, if they fit into memory; NaN is an empty text.

    Raises:
        DataError: they need too much memory.
    """
    values = np.where(values != values, "", values)
    longest = max(len(str(value)) for value in values.flat)
    if _CHARACTER_BYTES * longest * values.size > _MAX_BYTES:
        raise DataError(
            f"{label}: the longest text has {longest:,} characters, and each text takes as much memory",
            fix="leave it out, or give fewer rows",
        )
    return values.astype(str)
