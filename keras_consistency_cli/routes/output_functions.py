"""Functions that something behind a model may apply to its outputs: softmax, sigmoid, a line, a range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.routes.transformed_outputs import (
    find_calibrations,
    find_classes,
    find_curves,
    find_steps,
    sigmoid,
    softmax,
)

__all__ = ["OutputFunction", "find_function"]

Array = npt.NDArray[Any]
_FEWEST_ROWS = 8
"""A line has two parameters."""
_FEWEST_INSIDE = 8
"""Values that a range must leave as they are."""
_LINE_ERROR = 1e-3
"""As a share of the deviation of the outputs: a line that is this far off is not one."""
_UNIT = 2.0**-24
_TIES = 0.02
"""Share of the values."""
_NOTHING = 1e-6
"""As a share of the largest value: less than this is not added on purpose."""
_SHOWN, _MOST_LISTED = 3, 12
_MOST_COLUMNS = 64


class OutputFunction(NamedTuple):
    """A function in words, how far the outputs are from it, and whether it only rounds them.

    The distance is in units of the model's outputs.
    """

    text: str
    difference: float
    is_rounding: bool = False


def find_function(given: Array, outputs: Array) -> OutputFunction | None:
    """Return the function of the model's outputs that is nearest to what was given in their place.

    Args:
        given: numbers of the shape of the outputs.
        outputs: the outputs of the model.
    """
    if given.shape != outputs.shape or given.ndim < 2 or len(given) < _FEWEST_ROWS:
        return None
    one, other = given.astype(np.float64), outputs.astype(np.float64)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None
    return min(_functions(one, other), key=lambda each: each.difference, default=None)


def _functions(given: Array, outputs: Array) -> Iterator[OutputFunction]:
    for name, function in _NAMED.items():
        if name != "softmax" or given.shape[-1] > 1:
            yield OutputFunction(f"{name} is applied to the outputs", _distance(function(outputs), given))
            yield OutputFunction(f"{name} is left out of the outputs", _distance(function(given), outputs))
    yield from _narrower(given, outputs)
    yield from _lines(given, outputs)
    yield from _ranges(given, outputs)
    yield from _orders(given, outputs)
    for find in (find_classes, find_calibrations, find_curves):
        for text, values in find(given, outputs):
            yield OutputFunction(text, _distance(values, given))
    for text, values in find_steps(given, outputs):
        yield OutputFunction(text, _distance(values, given), is_rounding=True)


def _narrower(given: Array, outputs: Array) -> Iterator[OutputFunction]:
    """The outputs in float16, if that holds every given number."""
    with np.errstate(over="ignore"):
        narrow, rounded = given.astype(np.float16), outputs.astype(np.float16)
    if (narrow == given).all() and np.isfinite(rounded).all():
        unit = float(np.spacing(np.abs(rounded).max()))
        distance = _distance(rounded.astype(np.float64), given)
        # An output near the middle of two numbers of float16 may be rounded to either.
        is_same = distance <= unit and float((narrow != rounded).mean()) <= _TIES
        text = "the outputs are rounded to float16"
        yield OutputFunction(text, 0.0 if is_same else distance, is_rounding=True)


def _lines(given: Array, outputs: Array) -> Iterator[OutputFunction]:
    """Each column times a factor, plus a number, such as the inverse of a scaler of targets."""
    columns = range(given.shape[-1])
    fitted = [_fit_line(outputs[..., column].ravel(), given[..., column].ravel()) for column in columns]
    lines = [fit for fit in fitted if fit is not None]
    if len(lines) == len(columns):
        factors, addends = ([f"{line[n]:.4g}" for line in lines] for n in (0, 1))
        text = f"the outputs are multiplied by {_listed(factors)}"
        largest = float(np.abs(given).max())
        if max(abs(line[1]) for line in lines) > _NOTHING * largest:
            text += f", and {_listed(addends)} is added"
        yield OutputFunction(text, max(line[2] for line in lines))


def _listed(numbers: list[str]) -> str:
    """A few different numbers in words."""
    different = list(dict.fromkeys(numbers))
    return ", ".join(different[:_SHOWN]) + (", …" if len(different) > _SHOWN else "")


def _fit_line(outputs: Array, given: Array) -> tuple[float, float, float] | None:
    """Return factor, addend and the greatest error as a multiple of the factor; None if it is not a line."""
    if not outputs.std():
        return None
    factor, addend = np.polyfit(outputs, given, 1)
    rounding = _UNIT * float(np.abs(given).max())
    error = float(np.abs(factor * outputs + addend - given).max()) - rounding
    size = abs(factor) * float(outputs.std())
    # A constant is no line of the outputs: what is left of a slope is rounding.
    if size <= rounding or error > _LINE_ERROR * size:
        return None
    return float(factor), float(addend), max(error, 0.0) / abs(float(factor))


def _ranges(given: Array, outputs: Array) -> Iterator[OutputFunction]:
    low, high = float(given.min()), float(given.max())
    inside = (outputs > low) & (outputs < high)
    if inside.sum() >= _FEWEST_INSIDE:
        cut = _distance(np.clip(outputs, low, high), given)
        yield OutputFunction(f"the outputs are cut to the range from {low:.4g} to {high:.4g}", cut)


def _orders(given: Array, outputs: Array) -> Iterator[OutputFunction]:
    """Columns of one output in a different order, such as classes sorted by name."""
    count = given.shape[-1]
    if not 2 <= count <= _MOST_COLUMNS:
        return
    left, right = given.reshape(-1, count), outputs.reshape(-1, count)
    # Column by column: all pairs at once need the memory of as many copies of the outputs.
    distances = np.stack([np.abs(right - left[:, [column]]).max(axis=0) for column in range(count)])
    order = distances.argmin(axis=1)
    if len(set(order.tolist())) == count and (order != np.arange(count)).any():
        listed = ", ".join(map(str, order[:_MOST_LISTED])) + (", …" if count > _MOST_LISTED else "")
        yield OutputFunction(
            f"the columns of the outputs are in the order {listed}", float(distances.min(axis=1).max())
        )


def _distance(one: Array, other: Array) -> float:
    """The greatest difference, infinite if one of them is no number."""
    greatest = float(np.abs(one - other).max())
    return np.inf if np.isnan(greatest) else greatest


def _exp(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(values)


_NAMED: Mapping[str, Callable[[Array], Array]] = {"softmax": softmax, "sigmoid": sigmoid, "exp": _exp}
