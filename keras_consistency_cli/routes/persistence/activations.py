"""Answers before and after their activation: logits, probabilities and class ids that were recorded in each other's place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["NEAR", "activated", "classes", "same"]

NEAR = 1e-4
"""Of the answers' spread: how near an answer must come to count as the same."""
_WHOLE = 1e-2
"""How near to 1 a row must sum to be a distribution."""


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether `a` is `b`, but for `NEAR` of the spread of `b`."""
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return bool((a == b).all())
    wide = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bool(np.abs(wide[0] - wide[1]).max(initial=0.0) <= NEAR * max(wide[1].std(), 1e-300))


def activated(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Return how answers were recorded that are before or behind the activation of today's, None where they are not.

    Args:
        recorded: finite answers, one vector a row.
        today: today's, of the same shape.
    """
    if recorded.shape != today.shape:
        return None
    for words, applies, activation in _ACTIVATIONS:
        # A logit may be off by the same number in the whole row: what it gives is compared, not the logit.
        if applies(today) and same(activation(recorded), today):
            return f"the logits of today's answers ({words})"
        if applies(recorded) and not applies(today) and same(recorded, activation(today)):
            return f"the {words} of today's answers"
    if (today > 0).all() and same(recorded, np.log(today)):
        return "the logarithm of today's answers"
    return None


def classes(recorded: np.ndarray, today: np.ndarray) -> str | None:
    """Return how class ids were recorded in place of answers; None where they are none, or all the same.

    Args:
        recorded: one id for each vector of today's answers, or for each number where a vector has but one.
        today: finite answers of a layer that gives vectors.
    """
    if today.ndim < 2 or recorded.size * today.shape[-1] != today.size:
        return None
    if len(np.unique(recorded)) < 2 and not (recorded.dtype.kind in "iu" and today.shape[-1] > 1):
        return None
    ids = recorded.reshape(today.shape[:-1])
    if today.shape[-1] > 1:
        return (
            "class ids: the argmax of today's answers" if np.array_equal(ids, today.argmax(axis=-1)) else None
        )
    return (
        "classes: today's answers above 0.5"
        if _shares(today) and np.array_equal(ids, today[..., 0] > 0.5)
        else None
    )


def _shares(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _distributions(values: np.ndarray) -> bool:
    return _shares(values) and values.shape[1] > 1 and bool((np.abs(values.sum(axis=1) - 1) < _WHOLE).all())


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


_ACTIVATIONS: tuple[tuple[str, Callable[[np.ndarray], bool], Callable[[np.ndarray], np.ndarray]], ...] = (
    ("softmax", _distributions, _softmax),
    ("sigmoid", _shares, _sigmoid),
)
"""By name: whether numbers may have come out of it, and what it makes of numbers."""
