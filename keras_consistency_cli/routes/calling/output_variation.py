"""Whether outputs vary with the rows: pure NumPy."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.trace import Outputs, Rows

__all__ = ["OutputVariation", "describe_variation"]

_AT_THE_END = 2.0**-24
"""Distance from an end at which float32 has no further number below 1."""


class OutputVariation(TypedDict):
    """The float outputs that are equal for all rows, -1, 0 or 1 everywhere, or whole numbers everywhere.

    `distinct` is the number of different rows.
    """

    distinct: int
    constant: list[str]
    saturated: list[str]
    whole: list[str]


def describe_variation(rows: Rows, outputs: Outputs) -> OutputVariation:
    """Return which outputs do not vary."""
    floats = {
        name: values
        for name, values in outputs.items()
        if is_float(values.dtype) and values.ndim and values.size and bool(np.isfinite(values).all())
    }
    return OutputVariation(
        distinct=_count_distinct(rows),
        constant=[name for name, values in floats.items() if bool((values == values[:1]).all())],
        saturated=[name for name, values in floats.items() if _is_at_its_ends(values)],
        whole=[name for name, values in floats.items() if bool((values == np.rint(values)).all())],
    )


def _count_distinct(rows: Rows) -> int:
    length = len(next(iter(rows.values())))
    return len({b"".join(values[row].tobytes() for values in rows.values()) for row in range(length)})


def _is_at_its_ends(values: np.ndarray) -> bool:
    size = np.abs(values.astype(np.float64))
    return bool((np.minimum(size, np.abs(1.0 - size)) <= _AT_THE_END).all())
