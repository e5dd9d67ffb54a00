"""p-values: the probability of a difference if nothing has changed.

They depend on the number of rows on both sides: statistics from 25 training rows are no better known than
the mean of 25 new rows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "UNKNOWN_ROWS",
    "compute_distance_p_value",
    "compute_mean_p_value",
    "compute_median_p_value",
    "compute_outside_p_value",
    "pool_rows",
]

UNKNOWN_ROWS = 50
"""Training rows that are assumed if their number is unknown."""
_SURELY = 0.2
"""Below this, the probability in Kolmogorov's law is 1."""
_NEGLIGIBLE = 1e-12


def pool_rows(rows: float, trained: float) -> float:
    """Return the number of rows that count for the comparison of two sides.

    A sample of that size has the same precision, compared with a side that is known exactly.
    """
    return 1.0 / (1.0 / rows + 1.0 / trained) if rows > 0 and trained > 0 else 0.0


def compute_mean_p_value(shift: float, widening: float, rows: float, trained: float) -> float:
    """Return the probability of a shift of the mean at least this great.

    It follows Student's distribution.

    Args:
        shift: in standard deviations of the training rows.
        widening: the spread of the new rows as a multiple of that of the training rows. Below 1 it counts
            as 1: with heavy tails, the narrower side shows too little of the spread.
        rows: new rows.
        trained: training rows.
    """
    freedom = rows + trained - 2
    if freedom < 1 or not math.isfinite(shift):
        return 1.0 if freedom < 1 else 0.0
    value = abs(shift) / max(widening, 1.0) * math.sqrt(pool_rows(rows, trained))
    return _compute_student_tails(value, freedom)


def compute_median_p_value(
    values: npt.NDArray[np.float64], centre: float, rows: float, trained: float
) -> float:
    """Return the probability of so many values on one side of the training median.

    This is the sign test. It holds for every distribution. Values that equal the median are on neither
    side, so that flags and counts raise no alarm.
    """
    if not len(values) or rows < 1:
        return 1.0
    excess = max(float((values < centre).mean()), float((values > centre).mean())) - 0.5
    if excess <= 0:
        return 1.0
    return math.erfc(2.0 * excess * math.sqrt(pool_rows(rows, trained)) / math.sqrt(2))


def compute_distance_p_value(distance: float, rows: float, trained: float) -> float:
    """Return the probability of a distance of two samples at least this great.

    It is the distance between their distribution functions, and follows Kolmogorov's limit law.
    """
    scaled = distance * math.sqrt(pool_rows(rows, trained))
    if scaled < _SURELY:
        return 1.0
    terms = (math.copysign(2.0, k % 2 - 0.5) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 101))
    return min(max(math.fsum(terms), 0.0), 1.0)


def compute_outside_p_value(count: int, rows: int, trained: float) -> float:
    """Return the probability of at least so many new rows outside the training range.

    For every distribution, the part outside that range has a Beta(2, trained - 1) distribution, and the count
    a beta-binomial one.
    """
    if count <= 0 or trained < 2:
        return 1.0
    beta = trained - 1.0
    term = math.exp(_log_beta_binomial(count, rows, beta))
    total = term
    for outside in range(count, rows):
        term *= (rows - outside) / (outside + 1) * (outside + 2.0) / (rows - outside - 1 + beta)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return min(total, 1.0)


def _log_beta_binomial(count: int, rows: int, beta: float) -> float:
    """The logarithm of the probability of exactly `count` rows outside, with alpha = 2."""
    value = math.lgamma(rows + 1) - math.lgamma(count + 1) - math.lgamma(rows - count + 1)
    value = value + math.lgamma(count + 2.0) + math.lgamma(rows - count + beta)
    value = value - math.lgamma(rows + 2.0 + beta)
    return value + math.lgamma(2.0 + beta) - math.lgamma(beta)


def _compute_student_tails(value: float, freedom: float) -> float:
    """Both tails of Student's distribution, by Wallace's normal approximation."""
    normal = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(value * value / freedom))
    return math.erfc(normal / math.sqrt(2))
