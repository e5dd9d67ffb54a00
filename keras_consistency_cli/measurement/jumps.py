"""Jumps: rows for which a number decides between two results, and the float64 copy alone decides differently.

Rounding decides where two scores are equal, or where a number lies on a border: in argmax, top_k, sorting and
rounding to whole numbers, and in what follows from them, such as a row of a table or a one-hot vector. All
ways of calling the model may decide alike in float32, and not in float64. That is no fault of the model. A
fault that float32 hides is smaller than what float32 rounds, and other rows have it to other degrees. A jump
is larger, so that float32 would show it, and all other rows agree to the last digits of float64.
"""

from __future__ import annotations

import math

import numpy as np

from keras_consistency_cli.measurement.comparison import BINS_PER_DECADE, EDGES, Comparison
from keras_consistency_cli.measurement.rounding import FLOAT64_GAIN, HALF_ULP, ULP

__all__ = ["FEWEST_DECIDED", "decided_rows", "is_jump_of_copy"]

_FACTOR = 16.0
"""Rows with usual rounding stay below so many times (rounding of a usual row + 1 ulp)."""
_EMPTY_BINS = 3 * BINS_PER_DECADE
FEWEST_DECIDED = 3
"""Rows above the empty bins, and below.

Where rounding is amplified, ten times as much is a tenth as frequent: above three empty decades there would
be one row of thousands.
"""
_FEWEST_SHARE = 0.1
"""Share of the rows below: few rows may show no change because their outputs are saturated."""
_USUAL_SHARE = 0.25
"""At least this share of the rows is decided alike, in float32 and float64 and in all batches."""


def is_jump_of_copy(pair: Comparison, float64_pair: Comparison, noise: Comparison) -> bool:
    """Whether rows differ on the float64 copy only because it decides differently.

    Args:
        pair: two routes in the model's own precision.
        float64_pair: the same two routes on the float64 copy.
        noise: predict compared with its float64 copy, which may decide otherwise in some rows.
    """
    if pair.misshapen or pair.nonfinite_reference or pair.nonfinite_candidate or float64_pair.nonfinite:
        return False
    if pair.is_discrete:
        return pair.identical
    scale = max(pair.scale, noise.scale)
    rounding = _FACTOR * (_usual_difference(noise) + ULP.get(pair.dtype, 0.0) * scale)
    jumping = float64_pair.rows_over(rounding)
    between = float64_pair.rows_over(rounding * FLOAT64_GAIN) - jumping
    is_rare = jumping <= (1 - _USUAL_SHARE) * float64_pair.rows
    return rounding > 0 and pair.max_abs <= rounding and not between and is_rare


def decided_rows(comparison: Comparison, *, fewest: int = FEWEST_DECIDED) -> int:
    """Return how many rows were decided differently, if that is all that is large about a difference; else 0.

    They are far from all other rows, no row is in between, and enough rows are decided alike.

    Args:
        comparison: a route, mostly predict, compared with the float64 copy.
        fewest: the least number of rows, if other evidence shows that nothing is amplified.
    """
    if comparison.is_discrete:
        return comparison.rows_differing
    counts = np.array(comparison.row_histogram, np.int64)
    if not counts.any() or comparison.nonfinite:
        return 0
    # What a float32 number cannot hold counts as no difference.
    least = int(np.searchsorted(EDGES, HALF_ULP * comparison.scale, side="right"))
    counts = np.concatenate([[counts[: least + 1].sum()], counts[least + 1 :]])
    filled = np.flatnonzero(counts)
    if len(filled) < 2 or np.diff(filled).max() <= _EMPTY_BINS:
        return 0
    above, rows = int(counts[filled[int(np.diff(filled).argmax()) + 1] :].sum()), int(counts.sum())
    below = max(FEWEST_DECIDED, math.ceil(_FEWEST_SHARE * rows))
    return above if fewest <= above <= rows - below else 0


def _usual_difference(noise: Comparison) -> float:
    """Return the greatest difference of a row with little of it, from which no decision made it differ."""
    counted = np.cumsum(noise.row_histogram)
    if not len(counted) or not counted[-1]:
        return 0.0
    place = int(np.searchsorted(counted, _USUAL_SHARE * counted[-1]))
    return float(EDGES[min(place, len(EDGES) - 1)]) if place else 0.0
