"""Functions that act on whole rows of outputs or leave few values of them.

Classes as one-hot rows, rounding to a step, probabilities that were calibrated, and curves of a line, such as
exp of a target that was scaled. Each is given as words and values in the units of the model's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["find_calibrations", "find_classes", "find_curves", "find_steps", "sigmoid", "softmax"]

Array = npt.NDArray[Any]
Candidate = tuple[str, Array]
"""A function in words, and the outputs as they would be given."""

_STEPS = (1000.0, 100.0, 10.0, 5.0, 1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.02, 0.01)
"""What numbers are rounded to on purpose; finer rounding is not visible in a report."""
_FEWEST_VALUES = 3
"""Two values are classes."""
_ON_A_STEP = 1e-4
_SUM = 1e-3
"""By how much the sum of probabilities may differ from 1."""
_LEAST = 1e-30
_LEAST_RANGE = 1e-6
"""As a share of the greatest number: less is rounding."""
_CURVED = 1e-2
"""As a share of the deviation: what is nearer to a line than this is no curve."""


def softmax(values: Array) -> Array:
    """Return the softmax over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(values: Array) -> Array:
    """Return the sigmoid of each value; this form of it does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


class _Curve(NamedTuple):
    """A function that grows, its inverse, and the numbers that it can give."""

    words: str
    apply: Callable[[Array], Array]
    invert: Callable[[Array], Array]
    is_possible: Callable[[Array], bool]


def find_classes(given: Array, outputs: Array) -> Iterator[Candidate]:
    """Yield rows that are 1 for the greatest output and 0 elsewhere."""
    count = outputs.shape[-1]
    if count > 1 and np.isin(given, (0.0, 1.0)).all() and (given.sum(axis=-1) == 1.0).all():
        yield "only the class is given, as a row of 0 and 1", np.eye(count)[outputs.argmax(axis=-1)]


def find_steps(given: Array, outputs: Array) -> Iterator[Candidate]:
    """Yield the outputs rounded to the coarsest step that every given number is a multiple of."""
    if len(np.unique(given)) < _FEWEST_VALUES:
        return
    step = next((step for step in _STEPS if _are_multiples(given, step)), None)
    if step is not None and not _are_multiples(outputs, step):
        # A number in the middle of two steps may be rounded to either.
        nearest = np.where(np.abs(given - outputs) <= step * (0.5 + _ON_A_STEP), given, np.inf)
        yield f"the outputs are rounded to multiples of {step:g}", nearest


def _are_multiples(values: Array, step: float) -> bool:
    shares = values / step
    return bool((np.abs(shares - np.rint(shares)) <= _ON_A_STEP).all())


def find_calibrations(given: Array, outputs: Array) -> Iterator[Candidate]:
    """Yield probabilities after their logits were multiplied, as by a temperature or Platt scaling."""
    if not _are_probabilities(given) or not _are_probabilities(outputs):
        return
    if _are_distributions(given) and _are_distributions(outputs):
        theirs, ours = (_centre(np.log(np.maximum(each, _LEAST))) for each in (given, outputs))
        factor = float((theirs * ours).sum() / (ours**2).sum()) if ours.any() else 0.0
        yield f"their logits are multiplied by {factor:.4g} before softmax", softmax(factor * ours)
    elif outputs.shape[-1] == 1:
        theirs, ours = (np.log(each) - np.log1p(-each) for each in (given, outputs))
        factor, addend = np.polyfit(ours.ravel(), theirs.ravel(), 1)
        text = f"their logits are multiplied by {factor:.4g}, and {addend:.4g} is added, before sigmoid"
        yield text, sigmoid(factor * ours + addend)


def _are_probabilities(values: Array) -> bool:
    return bool(((values > 0) & (values < 1)).all()) and bool(values.std() > 0)


def _are_distributions(values: Array) -> bool:
    return values.shape[-1] > 1 and bool((np.abs(values.sum(axis=-1) - 1.0) <= _SUM).all())


def _centre(values: Array) -> Array:
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def find_curves(given: Array, outputs: Array) -> Iterator[Candidate]:
    """Yield curves of a line: a target was transformed and scaled, and only one of the two was undone."""
    varies = np.ptp(given) > _LEAST_RANGE * np.abs(given).max() and outputs.std() > 0
    if not varies or _is_near_line(outputs.ravel(), given.ravel()):
        return
    for curve in _CURVES:
        if not curve.is_possible(given):
            continue
        factor, addend = np.polyfit(outputs.ravel(), curve.invert(given).ravel(), 1)
        with np.errstate(all="ignore"):
            values = curve.apply(factor * outputs + addend)
        sign = "+" if addend >= 0 else "-"
        yield f"they are {curve.words} of the outputs × {factor:.4g} {sign} {abs(addend):.4g}", values


def _is_near_line(outputs: Array, given: Array) -> bool:
    factor, addend = np.polyfit(outputs, given, 1)
    return bool(np.abs(factor * outputs + addend - given).max() <= _CURVED * given.std())


def _are_positive(values: Array) -> bool:
    return bool((values > 0).all())


def _are_small(values: Array) -> bool:
    return bool((np.abs(values) < 500).all())


_CURVES = (
    _Curve("exp", np.exp, np.log, _are_positive),
    _Curve("expm1", np.expm1, np.log1p, lambda values: bool((values > -1).all())),
    _Curve("the logarithm", np.log, np.exp, _are_small),
    _Curve("log1p", np.log1p, np.expm1, _are_small),
    _Curve("the square", np.square, np.sqrt, _are_positive),
    _Curve("the square root", np.sqrt, np.square, _are_positive),
)
"""exp with an offset of 1 and exp differ: the nearer one counts."""
