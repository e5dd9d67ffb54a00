"""The encoders of a table: the categories that they know of each column, and which columns are texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keras_consistency_cli.loading.scalers.estimators import count_features

__all__ = ["find_text_columns", "walk_encoders"]

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder")
_FILLERS = ("SimpleImputer",)
"""Steps that leave the values of a category as they are, except gaps."""


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
