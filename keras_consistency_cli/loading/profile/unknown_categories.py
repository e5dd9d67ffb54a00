"""Columns of which an encoder knows no value: it was fitted on a different spelling or type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.loading.tables.columns import decode
from keras_consistency_cli.loading.tables.encoders import walk_encoders

__all__ = ["find_unknown_columns"]

_FEWEST = 10
"""Values that must all be unknown; fewer may be new categories."""


def find_unknown_columns(
    scaler: Any, rows: np.ndarray, texts: Mapping[int, Sequence[str]]
) -> dict[int, tuple[str, str]]:
    """Return the columns of which no value is known, each with a value of the rows and a known one.

    Args:
        scaler: a fitted estimator.
        rows: some rows, (rows, columns).
        texts: the words of the columns that hold codes of texts, by their positions.
    """
    unknown: dict[int, tuple[str, str]] = {}
    for place, known in walk_encoders(scaler):
        values = decode(rows[:, place], texts[place]) if place in texts else rows[:, place]
        given = [value for value in values.tolist() if value == value]
        if len(given) >= _FEWEST and known and not {*given} & {*known}:
            unknown[place] = (repr(given[0]), repr(known[0]))
    return unknown
