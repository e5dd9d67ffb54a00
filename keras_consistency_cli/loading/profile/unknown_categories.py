"""Columns with values that an encoder does not know: it was fitted on a different spelling or type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.loading.tables.columns import decode
from keras_consistency_cli.loading.tables.encoders import list_values, walk_encoders
from keras_consistency_cli.loading.tables.spellings import Word, find_spelling
from keras_consistency_cli.measurement.facts import UnknownCategories
from keras_consistency_cli.text import clean

__all__ = ["find_unknown_columns"]

_FEWEST = 10
"""Values of a column that say something about it; fewer may be new categories."""
_NEARLY_ALL = 0.95
"""Share of values from which a column counts as one of which the encoder knows none."""
_LENGTH = 40


def find_unknown_columns(
    scaler: Any,
    rows: np.ndarray,
    texts: Mapping[int, Sequence[str]],
    names: Sequence[str] | None = None,
) -> tuple[UnknownCategories, ...]:
    """Return the columns of which nearly no value is known, or some would be in another spelling.

    Args:
        scaler: a fitted estimator.
        rows: some rows, (rows, columns).
        texts: the words of the columns that hold codes of texts, by their positions.
        names: the names of the columns; if there are none, their positions are used.
    """
    return tuple(_find_unknown(scaler, rows, texts, names))


def _find_unknown(
    scaler: Any, rows: np.ndarray, texts: Mapping[int, Sequence[str]], names: Sequence[str] | None
) -> Iterator[UnknownCategories]:
    encoders = dict(walk_encoders(scaler))
    for place, known in encoders.items():
        values = decode(rows[:, place], texts[place]) if place in texts else rows[:, place]
        given = Counter(value for value in values.tolist() if value == value)
        categories = {*known}
        unknown = {value: count for value, count in given.items() if value not in categories}
        if given.total() < _FEWEST or not known or not unknown:
            continue
        words: dict[Word, int] = {value: count for value, count in unknown.items() if isinstance(value, str)}
        vocabulary = frozenset(each for each in known if isinstance(each, str))
        spelling = find_spelling(words, vocabulary) if len(words) == len(unknown) else None
        if spelling is None and sum(unknown.values()) < _NEARLY_ALL * given.total():
            continue
        name, becomes = spelling or ("", "")
        others = [other for other, its in encoders.items() if other != place and {*given} <= {*its}]
        yield UnknownCategories(
            column=names[place] if names and place < len(names) else str(place),
            given=given.total(),
            unknown=sum(unknown.values()),
            value=list_values(sorted(unknown, key=lambda value: -unknown[value])),
            known=list_values(known),
            other_type=bool(words) == (not vocabulary) and len(words) in (0, len(unknown)),
            spelling=name,
            becomes=clean(becomes, 2 * _LENGTH),
            place=place,
            belongs=others[0] if len(others) == 1 and len(unknown) == len(given) else None,
        )
