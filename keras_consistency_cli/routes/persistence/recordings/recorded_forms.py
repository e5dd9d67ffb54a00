"""The form of recorded outputs: a simple change that turns today's outputs into them.

Pure NumPy.
"""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_float_or_integer
from keras_consistency_cli.routes.output_functions import find_function
from keras_consistency_cli.routes.persistence.recordings.activations import (
    CLOSE,
    activation_form,
    class_id_form,
    close,
)
from keras_consistency_cli.routes.persistence.recordings.recorded_places import describe_places

__all__ = ["function_form", "other_form"]

_MIN_ROWS = 8
_MAX_COLUMNS = 100
"""Each column is compared with each."""


def other_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe the change that turns today's output into the recorded one, or return None.

    It may be a different order of rows, time steps or columns, one factor and offset, logits in place of
    probabilities or the reverse, or class ids.
    """
    if not _comparable(recorded, today):
        return None
    a, b = (values.reshape(len(values), -1).astype(np.float64) for values in (recorded, today))
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or b.std() == 0:
        return None
    if a.shape == b.shape and close(a, b):
        return None
    class_ids = class_id_form(recorded, today)
    if class_ids or recorded.shape != today.shape:
        return class_ids
    vectors = (-1, today.shape[-1] if today.ndim > 1 else 1)
    a_vectors, b_vectors = a.reshape(vectors), b.reshape(vectors)
    return (
        _row_order_or_scale(a, b)
        or _column_order(a_vectors, b_vectors)
        or activation_form(a_vectors, b_vectors)
        or describe_places(recorded.astype(np.float64), today.astype(np.float64))
    )


def function_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe what something behind the model made of its outputs: a range, a step, a temperature, a curve.

    Of a model without curves, rows on another scale give outputs that look like one of these.
    """
    if not _comparable(recorded, today) or recorded.shape != today.shape or today.ndim < 2:
        return None
    found = find_function(recorded, today)
    is_found = found is not None and found.difference <= CLOSE * today.std()
    return f"a function of today's outputs: {found.text}" if found is not None and is_found else None


def _comparable(recorded: np.ndarray, today: np.ndarray) -> bool:
    return (
        len(recorded) == len(today) >= _MIN_ROWS
        and is_float_or_integer(recorded.dtype)
        and is_float(today.dtype)
    )


def _row_order_or_scale(recorded: np.ndarray, today: np.ndarray) -> str | None:
    if _same_rows(recorded, today):
        return "the same rows in a different order"
    factor, offset = np.polyfit(today.ravel(), recorded.ravel(), 1)
    if factor and close(factor * today + offset, recorded):
        has_offset = abs(offset) > CLOSE * recorded.std()
        term = f" {'+' if offset > 0 else '-'} {abs(offset):.6g}" if has_offset else ""
        return f"today's outputs × {factor:.6g}{term}"
    return None


def _same_rows(recorded: np.ndarray, today: np.ndarray) -> bool:
    """Whether the recorded rows are today's in a different order, matched by sorting."""
    return close(recorded[np.lexsort(recorded.T)], today[np.lexsort(today.T)])


def _column_order(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe a different order of columns, for example of classes; each column occurs once."""
    if not 1 < recorded.shape[1] <= _MAX_COLUMNS or (today.std(axis=0) == 0).any():
        return None
    columns = range(recorded.shape[1])
    sources = [
        [source for source in range(today.shape[1]) if close(recorded[:, column], today[:, source])]
        for column in columns
    ]
    order = [matching[0] for matching in sources if len(matching) == 1]
    if sorted(order) != list(range(today.shape[1])):
        return None
    return f"today's columns in the order {', '.join(map(str, order))}"
