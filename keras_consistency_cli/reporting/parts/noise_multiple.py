"""Measures that every renderer shows: multiples of rounding noise, and which comparison is the worst."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.comparison import Comparison

__all__ = ["noise_multiple", "worst_first"]


def noise_multiple(comparison: Comparison, noise: Mapping[str, float]) -> float | None:
    """Return the greatest deviation as a multiple of its output's rounding noise, None where that is unknown or nothing was measured."""
    floor = noise.get(comparison.output)
    if floor is None or math.isnan(floor) or comparison.misshapen or not comparison.elements:
        return None
    if floor == 0:
        return math.inf if comparison.max_abs else 0.0
    return comparison.max_abs / floor


def worst_first(judged: Iterable[Judged]) -> tuple[Judged, ...]:
    """Sort by how far each went past its limit, those that are not within it before all others."""
    return tuple(sorted(judged, key=lambda one: (one.within, -_share_of_limit(one), -one.comparison.max_abs)))


def _share_of_limit(judged: Judged) -> float:
    comparison, limit = judged.comparison, judged.limit.value
    if comparison.misshapen or comparison.nonfinite or math.isnan(comparison.max_abs) or math.isnan(limit):
        return math.inf
    if limit <= 0:
        return math.inf if comparison.max_abs else 0.0
    return comparison.max_abs / limit
