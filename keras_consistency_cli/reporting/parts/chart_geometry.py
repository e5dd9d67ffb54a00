"""Sizes and marks of the charts of the HTML report, in units of the SVG view box."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keras_consistency_cli.measurement.comparison import EDGES

__all__ = [
    "FLOOR",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Mark",
    "can_be_drawn",
    "tick_exponents",
]

WIDTH, HEIGHT = 480.0, 190.0
LEFT, RIGHT, TOP = 44.0, 24.0, 40.0
"""Margins of the area of a chart."""
_BOTTOM = 30.0
FLOOR = HEIGHT - _BOTTOM
"""The height of the horizontal axis."""
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A labelled position on an axis; `anchor` is the text-anchor of SVG."""

    at: float
    label: str
    anchor: str = "middle"


def tick_exponents(low: int, high: int) -> range:
    """Return a few whole exponents from low to high."""
    return range(low, high + 1, max(1, math.ceil((high - low) / _MOST_TICKS)))


def can_be_drawn(value: float) -> bool:
    """Whether a value has a position on a logarithmic axis."""
    return math.isfinite(value) and float(EDGES[0]) <= value <= float(EDGES[-1])
