"""Chance: how probable a difference is where nothing has changed, given how many rows there are on both sides. Pure arithmetic.

Both sides count: what a scaler remembers of 25 rows is no better known than the mean of 25 new ones.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "UNKNOWN_ROWS",
    "centre_by_chance",
    "distance_by_chance",
    "mean_by_chance",
    "outside_by_chance",
    "pooled",
]

UNKNOWN_ROWS = 50
"""Training rows that are assumed where nobody remembers how many there were."""
_SURELY = 0.2
"""Kolmogorov's law has nothing below this."""
_NEGLIGIBLE = 1e-12


def pooled(rows: float, trained: float) -> float:
    """Return how many rows one of the two sides would have, were the other known exactly."""
    return 1.0 / (1.0 / rows + 1.0 / trained) if rows > 0 and trained > 0 else 0.0


def mean_by_chance(shift: float, widening: float, rows: float, trained: float) -> float:
    """Return the probability of a shift of the mean at least this great, by Student's distribution.

    Args:
        shift: in standard deviations of the training rows.
        widening: how many times wider the new rows are. Where they are narrower 1 is used: of heavy tails the narrower side shows too little.
        rows: new rows.
        trained: training rows.
    """
    freedom = rows + trained - 2
    if freedom < 1 or not math.isfinite(shift):
        return 1.0 if freedom < 1 else 0.0
    return _student(abs(shift) / max(widening, 1.0) * math.sqrt(pooled(rows, trained)), freedom)


def centre_by_chance(values: npt.NDArray[np.float64], centre: float, rows: float, trained: float) -> float:
    """Return the probability that so many values lie on one side of the median of training, whatever the distribution (the sign test).

    Values that equal the median are on neither side, so that flags and counts do not alarm.
    """
    if not len(values) or rows < 1:
        return 1.0
    excess = max(float((values < centre).mean()), float((values > centre).mean())) - 0.5
    return math.erfc(2.0 * excess * math.sqrt(pooled(rows, trained)) / math.sqrt(2)) if excess > 0 else 1.0


def distance_by_chance(distance: float, rows: float, trained: float) -> float:
    """Return the probability of two samples' distribution functions being at least this far apart somewhere, by Kolmogorov's limit law."""
    scaled = distance * math.sqrt(pooled(rows, trained))
    if scaled < _SURELY:
        return 1.0
    terms = (math.copysign(2.0, k % 2 - 0.5) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 101))
    return min(max(math.fsum(terms), 0.0), 1.0)


def outside_by_chance(count: int, rows: int, trained: float) -> float:
    """Return the probability that so many of the new rows, or more, lie beyond the least and the greatest of the training rows.

    Whatever the distribution, what training rows leave outside has a Beta(2, trained - 1) distribution, and the count a beta-binomial one.
    """
    if count <= 0 or trained < 2:
        return 1.0
    extra_rounding = trained - 1.0
    term = math.exp(
        math.lgamma(rows + 1) - math.lgamma(count + 1) - math.lgamma(rows - count + 1)
        + math.lgamma(count + 2.0) + math.lgamma(rows - count + extra_rounding) - math.lgamma(rows + 2.0 + extra_rounding)
        + math.lgamma(2.0 + extra_rounding) - math.lgamma(extra_rounding)
    )  # fmt: skip
    total = term
    for at in range(count, rows):
        term *= (rows - at) / (at + 1) * (at + 2.0) / (rows - at - 1 + extra_rounding)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return min(total, 1.0)


def _student(value: float, freedom: float) -> float:
    """Both tails of Student's distribution, by Wallace's normal approximation."""
    normal = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(value * value / freedom))
    return math.erfc(normal / math.sqrt(2))
