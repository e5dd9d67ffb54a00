"""Whether an export holds the weights of the model, or those of a different training run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportedModel

__all__ = ["StoredWeights", "compare_weights", "is_rounded", "substituted_weights"]

_FEWEST_VALUES = 4
"""Smaller weights may be equal by chance."""
_MOST_ORDERS, _MOST_WAYS = 24, 24
_ROUNDED = 1e-2
"""As a share of the largest value: integers of 8 bits are nearer to what they stand for."""
_RTOL = 1e-3
"""Relative difference up to which a weight counts as stored: float16 keeps three digits."""


class StoredWeights(TypedDict):
    """How many weights of the model an export holds, of how many that were looked for.

    `other` counts those of which it only holds a different value of the same shape.
    """

    searched: int
    found: int
    other: int


def compare_weights(exported: ExportedModel, model: Any) -> StoredWeights:
    """Search the constants of an export for the weights of the model."""
    constants = _by_size(exported)
    searched = list(_searched_weights(model))
    found = [any(_is_same(value, each) for each in constants.get(value.size, ())) for value in searched]
    other = [
        not same and bool(_fitting(_axes(value), constants.get(value.size, ())))
        for same, value in zip(found, searched, strict=True)
    ]
    return {"searched": len(searched), "found": sum(found), "other": sum(other)}


def substituted_weights(exported: ExportedModel, model: Any) -> Iterator[list[tuple[Any, np.ndarray]]]:
    """Yield the ways in which the export's constants can stand in the place of the model's weights.

    There are several if weights share a shape or are square: some exporters transpose kernels. A weight that
    has no constant stays as it is: exporters leave out additions of zero.
    """
    constants = [values for each in _by_size(exported).values() for values in each]
    weights = [(variable, _value_of(variable)) for variable in model.weights]
    weights = [each for each in weights if each[1].dtype.kind == "f" and each[1].size]
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, (_, value) in enumerate(weights):
        groups.setdefault(_axes(value), []).append(number)
    choices = [_assignments(numbers, _fitting(axes, constants)) for axes, numbers in groups.items()]
    for way in itertools.islice(itertools.product(*choices), _MOST_WAYS):
        found = {number: constant for assignment in way for number, constant in assignment.items()}
        chosen = {number: constant for number, constant in found.items() if constant is not None}
        for turned in (False, True):
            yield [
                (variable, _oriented(chosen[number], value, turned=turned))
                for number, (variable, value) in enumerate(weights)
                if number in chosen
            ]


def is_rounded(variable: Any, constant: np.ndarray) -> bool:
    """Whether a constant is a kernel of the model in lower precision, element by element."""
    value = _value_of(variable)
    largest = float(np.abs(value).max(initial=0.0))
    return value.ndim > 1 and bool(np.abs(constant - value).max(initial=0.0) <= _ROUNDED * largest)


def _assignments(
    numbers: Sequence[int], constants: Sequence[np.ndarray]
) -> list[dict[int, np.ndarray | None]]:
    """The ways to give each of these weights a different constant, None if there are too few."""
    missing = [None] * max(len(numbers) - len(constants), 0)
    orders = itertools.permutations([*constants, *missing], len(numbers))
    return [dict(zip(numbers, order, strict=True)) for order in itertools.islice(orders, _MOST_ORDERS)]


def _fitting(axes: tuple[int, ...], constants: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [constant for constant in constants if _axes(constant) == axes]


def _axes(values: np.ndarray) -> tuple[int, ...]:
    """The axes of a weight in any order; axes of one do not count."""
    return tuple(sorted(size for size in values.shape if size != 1))


def _value_of(variable: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable))


def _searched_weights(model: Any) -> Iterator[np.ndarray]:
    """The weights that chance does not explain: not small, and not all of one value."""
    for variable in model.weights:
        value = _value_of(variable)
        if value.dtype.kind == "f" and value.size >= _FEWEST_VALUES and (value != value.flat[0]).any():
            yield value


def _by_size(exported: ExportedModel) -> Mapping[int, list[np.ndarray]]:
    by_size: dict[int, list[np.ndarray]] = {}
    for _, values in exported.constants():
        by_size.setdefault(values.size, []).append(values.astype(np.float32))
    return by_size


def _is_same(value: np.ndarray, constant: np.ndarray) -> bool:
    """Whether a constant holds the numbers of a weight in any order."""
    left, right = np.sort(value, axis=None), np.sort(constant, axis=None)
    return bool(np.allclose(left, right, rtol=_RTOL, atol=_RTOL * float(np.abs(left).max(initial=0.0))))


def _oriented(constant: np.ndarray, value: np.ndarray, *, turned: bool) -> np.ndarray:
    """A constant with the axes in the order of the weight, where exporters turn them."""
    if turned and constant.ndim == 2 and constant.shape[0] == constant.shape[1]:
        return constant.T
    if constant.shape == value.shape:
        return constant
    squeezed = constant.reshape([size for size in constant.shape if size != 1] or [1])
    if squeezed.ndim == 2 and squeezed.T.shape == value.shape:
        return squeezed.T
    if constant.ndim == 4:  # OHWI or OIHW to HWIO
        for axes in ((1, 2, 3, 0), (2, 3, 1, 0)):
            if constant.transpose(axes).shape == value.shape:
                return constant.transpose(axes)
    return constant.reshape(value.shape)
