"""The encoders of a table: the categories that they know of each column, and which columns are texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.estimators import count_features
from keras_consistency_cli.text import clean

__all__ = ["explain_refusal", "find_text_columns", "list_values", "walk_encoders"]

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder")
_FILLERS = ("SimpleImputer",)
"""Steps that leave the values of a category as they are, except gaps."""
_LENGTH, _SHOWN = 40, 3
_SCALED = (
    "pass the rows as they were before scaling; if they are already scaled, set facts: {data_state: scaled}"
)
_NEW_CATEGORIES = (
    "write the values as in training; for new ones, fit the encoder with handle_unknown='ignore', or on them"
)


def walk_encoders(scaler: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the columns that reach an encoder as they are, and the categories that it knows of each."""
    yield from _walk(scaler, list(range(count_features(scaler) or 0)))


def find_text_columns(scaler: Any) -> tuple[int, ...]:
    """Return the columns of which an encoder knows texts only."""
    return tuple(
        place
        for place, categories in walk_encoders(scaler)
        if any(isinstance(known, str) for known in categories)
        and all(isinstance(known, str) or known is None or known != known for known in categories)
    )


def explain_refusal(scaler: Any, rows: Any, error: Exception) -> tuple[str, str]:
    """Return why a scaler refuses rows, and the fix: new categories by their column, or what it says."""
    new = _describe_new_categories(scaler, rows) if "unknown categories" in str(error) else ""
    return (new, _NEW_CATEGORIES) if new else (clean(error), _SCALED)


def _describe_new_categories(scaler: Any, rows: Any) -> str:
    """Return the first column with values that its encoder does not know, and some of these; "" if none has.

    Args:
        scaler: a fitted estimator.
        rows: an array or a DataFrame, (rows, columns).
    """
    names, values = getattr(rows, "columns", None), np.asarray(rows, dtype=object)
    for place, known in walk_encoders(scaler):
        column = values[:, place].tolist() if values.ndim == 2 and place < values.shape[1] else []
        new = list(dict.fromkeys(each for each in column if each == each and each not in known))
        if new:
            name = clean(str(place if names is None else names[place]), 60)
            return f"column '{name}' holds {list_values(new)}; the encoder knows {list_values(known)}"
    return ""


def list_values(values: Sequence[Any]) -> str:
    """Return the first values of a column in one text."""
    return ", ".join(clean(repr(value), _LENGTH) for value in values[:_SHOWN])


def _walk(part: Any, columns: list[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    kind = type(part).__name__
    if kind == "Pipeline":
        steps = [step for _, step in part.steps if step is not None and step != "passthrough"]
        while steps and type(steps[0]).__name__ in _FILLERS:
            steps.pop(0)
        if steps:
            yield from _walk(steps[0], columns)
    elif kind == "ColumnTransformer":
        places = getattr(part, "_transformer_to_input_indices", {})
        for name, step, _ in part.transformers_:
            if not isinstance(step, str):
                yield from _walk(step, [columns[place] for place in places.get(name, ())])
    elif kind in _ENCODERS and len(part.categories_) == len(columns):
        for place, categories in zip(columns, part.categories_, strict=True):
            yield place, tuple(categories.tolist())
