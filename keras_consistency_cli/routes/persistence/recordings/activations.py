"""Outputs before and after their activation.

Logits, probabilities and class ids may be recorded in place of each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_consistency_cli.measurement.distance import is_integer, is_numeric
from keras_consistency_cli.routes.transformed_outputs import sigmoid, softmax

__all__ = ["CLOSE", "activation_form", "class_id_form", "close", "differing_rows"]

CLOSE = 1e-4
"""The greatest difference of equal outputs, as a share of their standard deviation."""
_SUM_TOLERANCE = 1e-2
"""How close to 1 the sum of a row must be for a probability distribution."""

Apply = Callable[[np.ndarray], np.ndarray]
Matches = Callable[[np.ndarray], bool]


def close(candidate: np.ndarray, reference: np.ndarray) -> bool:
    """Whether two arrays differ by at most `CLOSE` of the reference's standard deviation."""
    if not (is_numeric(candidate.dtype) and is_numeric(reference.dtype)):
        return bool((candidate == reference).all())
    wide = candidate.astype(np.float64), reference.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bool(np.abs(wide[0] - wide[1]).max(initial=0.0) <= CLOSE * max(wide[1].std(), 1e-300))


def differing_rows(candidate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return for each row whether it differs by more than `close` allows."""
    one, other = (values.reshape(len(values), -1) for values in (candidate, reference))
    if not (is_numeric(one.dtype) and is_numeric(other.dtype)):
        return np.asarray((one != other).any(axis=1))
    one, other = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(one - other).max(axis=1) <= CLOSE * max(other.std(), 1e-300)))


def activation_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe recorded outputs that are today's before or after an activation.

    None if they are not.

    Args:
        recorded: finite outputs, one vector per row.
        today: today's outputs, of the same shape.
    """
    if recorded.shape != today.shape:
        return None
    for name, could_be_result, activation in _ACTIVATIONS:
        # Logits may differ by a constant in the whole row: their activation is compared, not the logits.
        if could_be_result(today) and close(activation(recorded), today):
            return f"the logits of today's outputs ({name})"
        if could_be_result(recorded) and not could_be_result(today) and close(recorded, activation(today)):
            return f"the {name} of today's outputs"
    return _function_form(recorded, today)


def _function_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe recorded outputs that are a function of today's: prices, if the model learned their logs."""
    for words, function in _FUNCTIONS:
        with np.errstate(all="ignore"):
            values = function(today)
        # A function that grows fast is close to anything smaller: its spread must be that of the record.
        if np.isfinite(values).all() and close(recorded, values) and close(values, recorded):
            return f"{words} of today's outputs"
    return None


def class_id_form(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Describe class ids that were recorded in place of outputs.

    None if they are not, or all the same.

    Args:
        recorded: one id for each vector of today's outputs, or for each number if a vector has one number.
        today: finite outputs, one vector per row.
    """
    if today.ndim < 2 or recorded.size * today.shape[-1] != today.size:
        return None
    several_classes = today.shape[-1] > 1
    if len(np.unique(recorded)) < 2 and not (is_integer(recorded.dtype) and several_classes):
        return None
    ids = recorded.reshape(today.shape[:-1])
    if several_classes:
        return (
            "class ids: the argmax of today's outputs" if np.array_equal(ids, today.argmax(axis=-1)) else None
        )
    thresholded = _within_unit_interval(today) and np.array_equal(ids, today[..., 0] > 0.5)
    return "classes: whether today's outputs are above 0.5" if thresholded else None


def _within_unit_interval(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _are_distributions(values: np.ndarray) -> bool:
    sums_to_one = np.abs(values.sum(axis=1) - 1) < _SUM_TOLERANCE
    return _within_unit_interval(values) and values.shape[1] > 1 and bool(sums_to_one.all())


_ACTIVATIONS: tuple[tuple[str, Matches, Apply], ...] = (
    ("softmax", _are_distributions, softmax),
    ("sigmoid", _within_unit_interval, sigmoid),
)
"""Name of an activation, whether numbers could be its result, and the activation itself."""
_FUNCTIONS: tuple[tuple[str, Apply], ...] = (
    ("the logarithm", np.log),
    ("exp", np.exp),
    ("expm1", np.expm1),
    ("log1p", np.log1p),
    ("log10", np.log10),
    ("ten to the power", lambda values: np.asarray(10.0**values)),
    ("the square", lambda values: np.where(values >= 0, np.square(values), np.nan)),
    ("the square root", np.sqrt),
)
"""Functions between a target and what a model learns, in words."""
