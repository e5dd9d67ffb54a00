"""Ids in rows that a route changes.

An id names a thing: a number near it names a different one, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.loading.hints.input_hints import ANY_INPUT
from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["find_ids", "generate_different_rows", "keep_ids"]

_NAMES_THINGS = ("whole", "values")
"""Kinds of hints whose numbers are ids or categories."""


def find_ids(session: Session, name: str, values: np.ndarray) -> np.ndarray:
    """Return a mask of the ids in the rows of one input, in a shape that broadcasts with them."""
    hints = session.subject.hints
    hint = hints.get(name) or hints.get(ANY_INPUT)
    mask = np.full((1,) * values.ndim, hint is not None and hint.kind in _NAMES_THINGS)
    for places in hint.places if hint is not None else ():
        mask = mask | places.among(values)
    return mask


def keep_ids(session: Session, rows: Rows, changed: Rows) -> Rows:
    """Return the changed rows with the ids of the rows.

    A route that changes numbers never gives the model an id that the rows do not contain.
    """
    return {
        name: np.where(find_ids(session, name, values), values, changed[name]).astype(changed[name].dtype)
        for name, values in rows.items()
    }


def generate_different_rows(session: Session, batch: Rows) -> Rows:
    """Return different rows: floats with the opposite sign, ids and others in reverse order."""
    turned = {name: values[::-1] for name, values in batch.items()}
    return keep_ids(session, turned, {k: -v if is_float(v.dtype) else turned[k] for k, v in batch.items()})
