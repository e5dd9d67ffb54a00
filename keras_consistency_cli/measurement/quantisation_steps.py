"""Steps of quantisation: differences of two routes of a quantised model that rounding explains.

A quantised layer rounds its inputs to steps. If two routes differ in the last digit of an input that is close
to the boundary of two steps, the outputs of that row change by up to a step. This happens in few rows. The
float64 copy that rounds inputs to the same steps shows in how many, because its last digits differ too.
"""

from __future__ import annotations

import math

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import CALIBRATION_ROWS, RMS_FACTOR

__all__ = ["ORDINARY_SHARE", "exceeds_steps"]

ORDINARY_SHARE = 1e-4
"""As a share of the greatest output: a row that differs by more has an input on a different step."""
_FEWEST_ROWS = 3
"""Rows on different steps that are possible although the float64 copy shows none."""
_ROWS_FACTOR = 6.0
"""How many times more rows than in the float64 copy; kernels differ by more than one last digit."""


def exceeds_steps(pair: Comparison, rounded: Comparison | None) -> bool:
    """Whether more rows differ than those with an input on a different step, and by more.

    Args:
        pair: two routes of a quantised model.
        rounded: the float64 copy that rounds inputs to the same steps compared with predict, None if it was
            not measured.
    """
    differing = pair.rows_over(ORDINARY_SHARE * pair.scale)
    if rounded is None or not rounded.rows:
        return differing > _FEWEST_ROWS
    seen = rounded.rows_over(ORDINARY_SHARE * rounded.scale)
    possible = (_FEWEST_ROWS + _ROWS_FACTOR * seen) * max(1.0, pair.rows / rounded.rows)
    # The mean of many rows is reliable; that of a few may be small by chance.
    if seen < CALIBRATION_ROWS and differing <= possible:
        return False
    return _rms(pair) > RMS_FACTOR * _rms(rounded)


def _rms(pair: Comparison) -> float:
    return math.sqrt(pair.sum_squares / max(pair.elements, 1))
