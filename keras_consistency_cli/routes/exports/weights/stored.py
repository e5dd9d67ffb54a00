"""The constants that an export holds, and whether one of them is a weight of the model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_consistency_cli.loading.exports.exported_model import ExportedModel

__all__ = ["Arrangements", "Order", "StoredConstant", "StoredConstants", "arrange"]

Order = tuple[int, ...]
"""The axes of a weight in the order in which a file has them."""
Arrangements = Mapping[Order, np.ndarray]
"""A constant in the shape of a weight, for each order of axes that it may have."""

_EXACT, _IN_FLOAT16, _IN_BFLOAT16 = 1e-5, 1e-3, 8e-3
"""As shares of the largest value: rounding of a converter that multiplies weights, and of two types."""
_OF_INTEGERS: Mapping[str, float] = {"int8": 1e-2, "uint8": 1e-2, "int16": 1e-3, "int4": 8e-2}
"""The same for kernels of quantized files: integers are nearer to what they stand for."""
_LOW_BITS = np.uint32(0xFFFF)
_MOST_AXES = 4
"""Kernels with more axes are compared in a few orders of them."""
_USUAL_ORDERS: Mapping[int, tuple[Order, ...]] = {
    4: ((0, 1, 2, 3), (3, 0, 1, 2), (3, 2, 0, 1), (2, 3, 0, 1)),
    5: ((0, 1, 2, 3, 4), (4, 0, 1, 2, 3), (4, 3, 0, 1, 2), (3, 4, 0, 1, 2)),
}
"""Where exporters put the axes of a kernel of Keras: as they are, or the outputs, or both before them."""


@dataclass(frozen=True, kw_only=True)
class StoredConstant:
    """A constant of an export, as floats."""

    name: str
    values: np.ndarray
    tolerance: float

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(self.values, axis=None)

    def has_numbers(self, ordered: np.ndarray, largest: float) -> bool:
        """Whether it holds these numbers, which are sorted, in any order."""
        return bool(np.abs(ordered - self._sorted).max(initial=0.0) <= self.tolerance * largest)

    def has_weight(self, value: np.ndarray, largest: float) -> bool:
        """Whether it holds a weight place by place, with the axes in any order.

        Many rounded numbers of one distribution look alike once they are sorted.
        """
        arranged = arrange(self.values, value.shape).values()
        return any(np.abs(each - value).max(initial=0.0) <= self.tolerance * largest for each in arranged)


@dataclass(frozen=True, kw_only=True)
class StoredConstants:
    """All constants of an export.

    Args:
        constants: in the order of the file.
        precision: what the export computes in.
    """

    constants: tuple[StoredConstant, ...]
    precision: str

    @classmethod
    def of(cls, exported: ExportedModel) -> StoredConstants:
        """Return the constants of an export."""
        rounding = _OF_INTEGERS.get(exported.precision, 0.0)
        constants = (
            StoredConstant(
                name=name,
                values=values.astype(np.float32),
                tolerance=max(_tolerance(values), rounding if values.ndim > 1 else 0.0),
            )
            for name, values in exported.constants()
        )
        return cls(constants=tuple(constants), precision=exported.precision)

    @cached_property
    def _by_size(self) -> Mapping[int, list[int]]:
        by_size: dict[int, list[int]] = {}
        for number, each in enumerate(self.constants):
            by_size.setdefault(each.values.size, []).append(number)
        return by_size

    def find(self, value: np.ndarray) -> frozenset[int]:
        """Return the numbers of the constants that hold a weight."""
        numbers = self._by_size.get(value.size, ())
        largest = float(np.abs(value).max(initial=0.0))
        if self.precision in _OF_INTEGERS and value.ndim > 1:
            return frozenset(each for each in numbers if self.constants[each].has_weight(value, largest))
        ordered = np.sort(value, axis=None)
        return frozenset(each for each in numbers if self.constants[each].has_numbers(ordered, largest))

    def fitting(self, shape: tuple[int, ...]) -> Sequence[int]:
        """Return the numbers of the constants that have the axes of a weight of this shape, in any order.

        Zeros are left out: exporters make them where there is nothing to add.
        """
        if shape not in self._fitting:
            self._fitting[shape] = [
                number
                for number in self._by_size.get(math.prod(shape), ())
                if self.constants[number].values.any() and arrange(self.constants[number].values, shape)
            ]
        return self._fitting[shape]

    @cached_property
    def _fitting(self) -> dict[tuple[int, ...], Sequence[int]]:
        return {}


def arrange(constant: np.ndarray, shape: Sequence[int]) -> Arrangements:
    """Return a constant in a shape, for each order of axes in which an exporter can have written it."""
    found: dict[Order, np.ndarray] = {}
    effective: set[Order] = set()
    for order in _orders(len(shape)):
        kept = tuple(axis for axis in order if shape[axis] != 1)
        if kept not in effective and _joins(order, shape, constant.shape):
            effective.add(kept)
            turned = constant.reshape([shape[axis] for axis in order])
            found[order] = turned.transpose(np.argsort(order))
    return found


def _orders(axes: int) -> Iterator[Order]:
    usual = _USUAL_ORDERS.get(axes, ())
    yield from usual
    if axes <= _MOST_AXES:
        yield from (order for order in itertools.permutations(range(axes)) if order not in usual)


def _joins(order: Order, shape: Sequence[int], joined: Sequence[int]) -> bool:
    """Whether the axes in this order have these sizes; neighbours in the weight can be joined to one.

    Axes of one do not count.
    """
    rest = [axis for axis in order if shape[axis] != 1]
    for size in joined:
        product, last = 1, None
        while product < size and rest and last in (None, rest[0] - 1):
            last = rest.pop(0)
            product *= shape[last]
        if product != size:
            return False
    return not rest


def _tolerance(values: np.ndarray) -> float:
    """How far a float constant may be from the weight: more if it is written with fewer digits."""
    floats = values.astype(np.float32)
    if np.array_equal(floats, floats.astype(np.float16).astype(np.float32)):
        return _IN_FLOAT16
    if not (np.ascontiguousarray(floats).view(np.uint32) & _LOW_BITS).any():
        return _IN_BFLOAT16
    return _EXACT
