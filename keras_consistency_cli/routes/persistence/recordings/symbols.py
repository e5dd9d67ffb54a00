"""The words and ids in rows: those of a vocabulary or a table, and how to put others in their place."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.loading.hints.layer_hints import Hint
from keras_consistency_cli.measurement.distance import is_integer, is_text
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["UNKNOWN", "Space", "Symbol", "find_spaces", "replace_words", "split_words"]

UNKNOWN = "\0"
"""A word that no vocabulary has."""
Symbol = str | int
_MOST_IDS = 50_000
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """The words or ids of one input.

    Args:
        values: the rows of the input.
        readings: all words or ids of its vocabulary or table, and `unknown` for words.
        splits: whether the values are texts of several words.
        padding: the id or word that stands for nothing, None if there is none.
    """

    values: np.ndarray
    readings: tuple[Symbol, ...]
    splits: bool = False
    padding: Symbol | None = None

    @property
    def unknown(self) -> Symbol | None:
        """The word that the vocabulary lacks; None for ids."""
        return UNKNOWN if UNKNOWN in self.readings[-1:] else None

    def without_unknown(self) -> Space:
        """Return the same words for a vocabulary that refuses those that it lacks."""
        return replace(self, readings=tuple(each for each in self.readings if each != UNKNOWN))

    def of(self, values: np.ndarray) -> Space:
        """Return the words or ids of other rows of the same input."""
        return replace(self, values=values)

    def read(self, row: int) -> list[Symbol]:
        """Return the words or ids of one row."""
        cells: list[Symbol] = np.ravel(self.values[row]).tolist()
        if self.splits:
            cells = [word for text in cells for word in split_words(str(text))]
        return [each for each in cells if each != self.padding]

    def replace_row(self, row: int, found: Sequence[Mapping[Symbol, Symbol]]) -> np.ndarray:
        """Return the row once for each mapping, with its words replaced."""
        cells = np.ravel(self.values[row]).tolist()
        rows = [[self._replace(cell, mapping) for cell in cells] for mapping in found]
        return self._as_array(rows, (len(found), *self.values.shape[1:]))

    def replace_all(self, found: Mapping[Symbol, Symbol]) -> np.ndarray:
        """Return all rows with their words replaced."""
        return self._as_array(
            [self._replace(cell, found) for cell in self.values.ravel().tolist()], self.values.shape
        )

    def _replace(self, cell: Symbol, found: Mapping[Symbol, Symbol]) -> Symbol:
        return replace_words(str(cell), found) if self.splits else found.get(cell, cell)

    def _as_array(self, values: object, shape: tuple[int, ...]) -> np.ndarray:
        dtype = None if is_text(self.values.dtype) else self.values.dtype
        return np.array(values, dtype=dtype).reshape(shape)


def find_spaces(session: Session, batch: Rows) -> dict[str, Space]:
    """Return the words or ids of each input that has a vocabulary or a table."""
    hints = session.subject.hints
    spaces = {name: _find_space(values, hints[name]) for name, values in batch.items() if name in hints}
    return {name: space for name, space in spaces.items() if space is not None}


def _find_space(values: np.ndarray, hint: Hint) -> Space | None:
    if hint.kind == "whole" and is_integer(values.dtype) and hint.high - hint.low < _MOST_IDS:
        ids = tuple(each for each in range(int(hint.low), int(hint.high) + 1) if each != hint.padding)
        return Space(values=values, readings=ids, padding=None if hint.padding is None else int(hint.padding))
    are_words = is_text(values.dtype) and all(isinstance(each, str) for each in hint.values)
    if hint.kind in ("text", "values") and hint.values and (are_words or is_integer(values.dtype)):
        more = (UNKNOWN,) if are_words else ()
        padding = "" if are_words else None
        return Space(
            values=values, readings=(*hint.values, *more), splits=hint.kind == "text", padding=padding
        )
    return None


def split_words(text: str) -> list[str]:
    """Return the words of a text, as a TextVectorization splits them by default."""
    return text.lower().translate(_PUNCTUATION).split()


def replace_words(text: str, mapping: Mapping[Symbol, Symbol]) -> str:
    """Replace the words of a text."""
    return " ".join(str(mapping.get(word, word)) for word in split_words(text))
