"""The mask after layers that make series shorter, such as pooling and convolutions with strides.

Each such layer is called alone on series of every length; how many time steps are left of how many shows
which time steps of the mask are those of its output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.locating.call_records import CallRecord

__all__ = ["find_shortened_mask"]

_MOST_LENGTHS = 24
Count = Callable[[int], int]


def find_shortened_mask(calls: Sequence[CallRecord], before: int, after: int) -> tuple[int, int] | None:
    """Return start and stride of the time steps of a mask that are left, None if no slice gives them.

    Args:
        calls: the calls of layers on padded rows, in order.
        before: the time steps of the mask.
        after: the time steps of the series that needs it; padding is on the right.
    """
    lengths = np.unique(np.linspace(1, before, min(before, _MOST_LENGTHS)).astype(int)).tolist()
    counts = _count_left(calls, before, after, lengths)
    if counts is None:
        return None
    for stride in range(1, before // max(after, 1) + 2):
        for start in range(before):
            if all(len(range(start, length, stride)) == counts[length] for length in lengths):
                return start, stride
    return None


def _count_left(
    calls: Sequence[CallRecord], before: int, after: int, lengths: Sequence[int]
) -> dict[int, int] | None:
    """By number of true time steps, how many are left after the layers; None if they do not lead there."""
    counts, steps = {length: length for length in lengths}, before
    for call in calls:
        if steps == after:
            break
        left = _series_steps(call.outputs)
        if _series_steps(call.inputs) != steps or left in (0, steps) or left < after:
            continue
        counts = {length: _count_of(call, count) for length, count in counts.items()}
        steps = left
    return counts if steps == after else None


def _series_steps(values: Sequence[Any]) -> int:
    return next((each.shape[1] for each in values if is_float(each.dtype) and each.ndim > 2), 0)


def _count_of(call: CallRecord, steps: int) -> int:
    """How many time steps the layer leaves of so many; none if it refuses them."""
    if steps == 0:
        return 0
    try:
        return _series_steps(call.call_again([_cut(values, steps) for values in call.inputs]))
    except Exception:  # a window that is longer than the series
        return 0


def _cut(values: Any, steps: int) -> Any:
    return values[:, :steps] if is_float(values.dtype) and values.ndim > 2 else values
