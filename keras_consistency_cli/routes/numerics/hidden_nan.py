"""A route that searches for the layer that gives numbers for NaN, in eager execution too.

It runs only after a check has found NaN.

Measured with Keras 3.15.1 on TensorFlow 2.21 (CPU): MaxPooling1D, 2D and 3D and AdaptiveMaxPooling take the
greatest of the other numbers, and the lowest float (-3.4e38) if there are none (MaxPooling3D on processors
without AVX-512: -inf or NaN); argmax gives a place.
GlobalMaxPooling, average pooling, clip and relu keep NaN, unless relu is fused with the layer before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.base import Route, plain_routes
from keras_consistency_cli.routes.locating.layers import LocatedLayer, name_step, record_predict_step
from keras_consistency_cli.routes.session.batches import count_rows, select_rows, split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["HIDDEN_NAN_LOCATORS"]

_ROWS = 8
_DROPPING = frozenset(
    {
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
        "AdaptiveMaxPooling3D",
        "Argmax",
        "MaxPool",
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
    }
)
"""Layers and operations of Keras that give a number for NaN. Layers that replace NaN on purpose, such as
those of the user, are not among them.
"""


def _hidden_nan(session: Session, rows: Rows) -> Result:
    """Locate the first layer that gets NaN and returns none."""
    for batch in _batches_with_nan(session, rows):
        kept = _mark_nan_rows(batch)
        session.restore()
        steps = record_predict_step(session, batch, kept)
        for position, step in enumerate(steps):
            if step.kind in _DROPPING and not step.inputs.finite and step.outputs.finite:
                details: LocatedLayer = {
                    **name_step(step, position, len(steps)),
                    "nan_rows": int(kept.sum()),
                }
                return Result(outputs={}, details=details)
    return Result(outputs={})


def _batches_with_nan(session: Session, rows: Rows) -> Iterator[Rows]:
    """Yield the first few rows with NaN, or with a fixed batch size the first batch that has any."""
    if session.facts.batch_size:
        batches = split_batches(rows, session.batch_size)
        yield from (batch for batch in batches if _mark_nan_rows(batch).any())
        return
    found = np.flatnonzero(_mark_nan_rows(rows))
    if len(found):
        yield select_rows(rows, found[:_ROWS])


def _mark_nan_rows(rows: Rows) -> np.ndarray:
    marks = [
        np.isnan(values).reshape(len(values), -1).any(axis=1)
        for values in rows.values()
        if is_float(values.dtype)
    ]
    return np.any(marks, axis=0) if marks else np.zeros(count_rows(rows), bool)


HIDDEN_NAN_LOCATORS: tuple[Route, ...] = plain_routes(
    {"locate-hidden-nan": ("the first layer that returns numbers for NaN", _hidden_nan)}
)
