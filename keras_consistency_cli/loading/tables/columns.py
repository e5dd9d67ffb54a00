"""Columns of a table: numbers, or texts as codes with their words.

A column of texts is a column of numbers to everything that only moves rows: each value is the place of its
text among the words of the column. What needs the texts gets them back with `decode`.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.tables.dialects import Dialect
from keras_consistency_cli.loading.tables.texts import to_texts
from keras_consistency_cli.text import clean

__all__ = [
    "LARGEST_EXACT",
    "Column",
    "Texts",
    "Words",
    "combine",
    "decode",
    "describe_texts",
    "encode",
    "merge",
    "order_words",
    "quote_names",
    "recode",
]

Texts = Literal["alone", "mixed", "coded"]
"""How a table with texts is read: only as texts in every column, with codes for texts next to
numbers, or with codes for all texts, because they go through a scaler."""
Words = Mapping[str, tuple[str, ...]]
"""The words of each column of texts, by the name of the column."""
LARGEST_EXACT = 2**53
"""Float64, in which tables are read, holds whole numbers up to it exactly."""
_SHOWN = 4
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: numbers, or codes if it has words; NaN where a value is missing."""

    name: str
    values: _Floats
    words: tuple[str, ...] | None = None
    is_whole: bool = False
    """Whether the file states whole numbers without a missing one, which pandas reads as int64."""


def encode(name: str, texts: Iterable[str | None]) -> Column:
    """Return texts as a column of codes; None is a missing value."""
    codes: dict[str, int] = {}
    found = [np.nan if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return order_words(name, np.array(found, dtype=np.float64), tuple(codes))


def order_words(name: str, values: _Floats, words: tuple[str, ...]) -> Column:
    """Return a column with its words in alphabetical order, so that equal texts have equal codes."""
    ordered = tuple(sorted(words))
    return Column(name=name, values=recode(values, words, ordered), words=ordered)


def recode(values: _Floats, words: Sequence[str], wanted: Sequence[str]) -> _Floats:
    """Return codes of `words` as codes of `wanted`, which has them all."""
    if tuple(words) == tuple(wanted) or not words:
        return values
    places = {word: place for place, word in enumerate(wanted)}
    table = np.array([places[word] for word in words], dtype=np.float64)
    result = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    result[known] = table[values[known].astype(np.int64)]
    return result


def merge(first: Words, second: Words) -> Words:
    """Return the words of both, column by column."""
    return {
        name: tuple(sorted({*first.get(name, ()), *second.get(name, ())}))
        for name in dict.fromkeys((*first, *second))
    }


def decode(codes: npt.NDArray[Any], words: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return the texts of codes, NaN where a value is missing.

    Raises:
        DataError: these are not codes of these words, as after a change of columns.
    """
    result = np.full(codes.shape, np.nan, dtype=object)
    known = ~np.isnan(codes)
    places = codes[known]
    if not ((places >= 0) & (places < len(words)) & (places == np.floor(places))).all():
        raise DataError(
            "there are numbers where texts are expected", expected="the columns in their own places"
        )
    if len(words):
        result[known] = np.array(words, dtype=object)[places.astype(np.int64)]
    return result


def combine(
    columns: Sequence[Column], texts: Texts, label: str, dialect: Dialect
) -> tuple[npt.NDArray[Any], Words]:
    """Return the columns as one array, and the words of those that hold codes.

    Raises:
        DataError: a column of texts, which `texts` does not allow there.
    """
    worded = [column for column in columns if column.words]
    are_words = [column for column in worded if _holds_words(column, dialect)]
    if texts != "coded" and worded:
        if len(are_words) == len(columns):
            return _join_texts(columns, label), {}
        wrong = next((column for column in worded if column not in are_words), None)
        if wrong is not None or texts == "alone":
            raise _describe_text(wrong or worded[0], label, dialect)
    values = np.column_stack([column.values for column in columns])
    words = {column.name: column.words for column in columns if column.words is not None}
    is_coded = texts == "coded"  # then a column of texts without a value is one of texts
    return np.ascontiguousarray(values), {name: known for name, known in words.items() if known or is_coded}


def describe_texts(words: Words, label: str) -> DataError:
    """Return the error for columns of texts that nothing turns into numbers."""
    first = next(iter(words.values()))
    names = ", ".join(f"'{clean(name, 40)}'" for name in list(words)[:_SHOWN])
    hold = f"column {names} holds" if len(words) == 1 else f"columns {names} hold"
    quoted = quote_names([clean(name) for name in words])
    return DataError(
        f"{label}: {hold} texts such as {clean(repr(first[0]), 60)} next to numbers",
        expected="numbers alone, texts alone, or what encodes them: --scaler encoder.pkl, "
        "--preprocess encode.py:encode",
        fix=f"leave them out: --drop {quoted}; or for a model of texts: --columns {quoted}",
    )


def quote_names(names: Sequence[str]) -> str:
    """Return names as --columns and --drop take them, quoted for a shell: "a,b" is one name in quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def _join_texts(columns: Sequence[Column], label: str) -> npt.NDArray[Any]:
    texts = np.column_stack([decode(column.values, column.words or ()) for column in columns])
    return to_texts(texts, label)


def _holds_words(column: Column, dialect: Dialect) -> bool:
    """Whether no value is a number: a column of numbers with one wrong value is not one of texts."""
    return not any(dialect.is_number(word) for word in column.words or ())


def _describe_text(column: Column, label: str, dialect: Dialect) -> DataError:
    texts = decode(column.values, column.words or ())
    value = next(text for text in texts if isinstance(text, str) and not dialect.is_number(text))
    quoted = quote_names([clean(column.name)])
    for_texts = f"; for a model of texts: --columns {quoted}" if _holds_words(column, dialect) else ""
    return DataError(
        f"{label}: column '{clean(column.name)}' holds {clean(repr(value), 60)}, which is not a number",
        expected="numbers in every column, or texts in every column",
        fix=f"leave the column out: --drop {quoted}, or encode it as in training{for_texts}",
    )
