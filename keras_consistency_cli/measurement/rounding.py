"""Rounding: how large a difference it can cause, measured on the float64 copy.

Each function tells a difference that rounding explains from one that it does not.
"""

from __future__ import annotations

import math

from keras_consistency_cli.measurement.comparison import MOST_DISTINCT, Comparison

__all__ = [
    "CALIBRATION_ROWS",
    "EXTRA_ROUNDING",
    "FLOAT64_GAIN",
    "FLOAT64_SHARE",
    "HALF_ULP",
    "MAX_FACTOR",
    "PLAUSIBLE_FACTOR",
    "RMS_FACTOR",
    "ULP",
    "exceeds_rms",
    "has_extra_rounding",
    "is_hidden_by_noise",
    "is_plausible_rounding",
    "is_within_layer_rounding",
    "mean_deviation",
    "mean_limit",
    "noise_multiple",
    "rms_rounding",
    "rounding_excess",
    "rounding_of_float64_pair",
    "rows_without_digit",
    "widening_factor",
]

MAX_FACTOR = 4.0
"""Limit on the greatest difference, in multiples of E.

Healthy pairs stayed below 2.9 (benchmarks/calibration.py).
"""
RMS_FACTOR = 2.5
"""Limit on the root mean square difference, in multiples of the reference's own."""
PLAUSIBLE_FACTOR = 32.0
"""Limit on a model's distance from its float64 copy, in multiples of rounding each layer.

Healthy models stayed below 10.
"""
_COARSE_FACTOR = 2.0**12
_MAX_WIDENING = 8.0
EXTRA_ROUNDING = 2.0
"""Rounding is extra if other routes may have this many times predict's own.

A route with less than that stays within `MAX_FACTOR`: of a GroupNormalization of 256 values of 1200 ± 1, one
row at a time has 3.4 times predict's rounding, and differs from predict by 4.6 times the greatest.
"""
FLOAT64_SHARE = 4.0
"""How much larger the difference left in float64, times 2²⁹, may be than the difference that it explains."""
HALF_ULP = 2.0**-24
"""Half a unit in the last place of float32, relative to the number."""
_NO_DIGIT, _MANY_ROWS, _VISIBLE = 0.1, 0.25, 1e-3
"""Noise, as a share of the largest output, that leaves no digit, the share of the rows that have it, and the
noise above which it is judged."""
CALIBRATION_ROWS = MOST_DISTINCT
"""Fewer different rows calibrate badly: the limit is widened then, and the report says so."""
FLOAT64_GAIN = 2.0**-29
"""float64 has 29 bits more than float32."""
FLOAT32_FACTOR = 3.0
"""How much larger a mean difference may be in float32 than 2²⁹ times that in float64.

With `RMS_FACTOR` this allows 7.5 times; healthy pairs stayed below 3.3 (benchmarks/headroom.py).
"""
ULP = {
    "int8": 2.0**-7,
    "float8": 2.0**-4,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}


def rounding_excess(rounded: Comparison) -> float:
    """Return predict's distance from the float64 copy, in multiples of rounding each layer.

    Args:
        rounded: the float64 copy rounded layer by layer compared with predict, both measured against the
            copy.
    """
    if rounded.noise_elements == 0:
        return 0.0
    own = math.sqrt(rounded.noise_squares_reference / rounded.noise_elements)
    rounding = (
        math.sqrt(rounded.noise_squares_candidate / rounded.noise_elements)
        + ULP["float32"] / 2 * rounded.scale
    )
    return own / rounding if rounding else 0.0


def is_plausible_rounding(rounded: Comparison | None, *, coarse: bool = False) -> bool:
    """Whether predict's distance from its float64 copy can be rounding.

    True if it was not measured.

    Args:
        rounded: as for `rounding_excess`.
        coarse: whether to expect less precision than float32: bfloat16 has 2¹⁶ times float32's rounding,
            float16 and TF32 have 2¹³ times.
    """
    factor = PLAUSIBLE_FACTOR * (_COARSE_FACTOR if coarse else 1.0)
    return rounded is None or rounding_excess(rounded) <= factor


def is_within_layer_rounding(pair: Comparison, rounded: Comparison | None) -> bool:
    """Whether rounding applied layer by layer explains the difference.

    It must also be far greater than predict's own rounding.

    Args:
        pair: two routes without a float64 pair that could tell more.
        rounded: the float64 copy rounded layer by layer compared with predict.
    """
    if rounded is None or pair.dtype != "float32" or pair.misshapen or pair.nonfinite:
        return False
    if not has_extra_rounding(rounded):
        return False
    ulp = ULP["float32"] * pair.scale
    within = pair.max_abs <= MAX_FACTOR * rounded.max_abs + ulp
    return within and not exceeds_rms(pair, ulp, rms_rounding(rounded))


def is_hidden_by_noise(pair: Comparison, noise: Comparison | None, *, high: float) -> bool:
    """Whether noise is so high that the difference cannot be distinguished from it.

    The mean limit then uses the same factor as the maximum limit.

    Args:
        pair: two routes without a float64 pair that could tell more.
        noise: predict compared with its float64 copy.
        high: share of the greatest output above which noise is high.
    """
    if noise is None or pair.dtype != "float32" or pair.misshapen or pair.nonfinite:
        return False
    if noise.scaled <= high or not noise.noise_elements:
        return False
    ulp = ULP["float32"] * pair.scale
    own = math.sqrt(noise.sum_squares / max(noise.elements, 1))
    within = pair.max_abs <= MAX_FACTOR * noise.max_abs + ulp
    return within and not exceeds_rms(pair, ulp, MAX_FACTOR / RMS_FACTOR * own)


def has_extra_rounding(rounded: Comparison | None) -> bool:
    """Whether rounding layer by layer gives more than predict has on the same rows.

    In the mean, or in the row that it changes most: if all other outputs are saturated, that row may be the
    only one that rounding changes, and predict may round it well by chance. It is at most as far from the
    copy as predict's greatest error and its own distance from predict together.
    """
    if rounded is None:
        return False
    in_the_mean = rounded.noise_squares_candidate > EXTRA_ROUNDING**2 * rounded.noise_squares_reference
    return in_the_mean or rounded.max_abs > (EXTRA_ROUNDING + 1) * rounded.noise_max


def rms_rounding(rounded: Comparison | None) -> float:
    """Return the root mean square of rounding layer by layer, 0 if it was not measured."""
    if rounded is None or not rounded.noise_elements:
        return 0.0
    return math.sqrt(rounded.noise_squares_candidate / rounded.noise_elements)


def widening_factor(rounded: Comparison | None) -> float:
    """Return how much better predict rounds than rounding each layer, from 1 to 8.

    A different compiler may round worse by as much.
    """
    if rounded is None or not rounded.noise_squares_reference or not rounded.noise_elements:
        return 1.0
    ratio = math.sqrt(rounded.noise_squares_candidate / rounded.noise_squares_reference)
    return min(max(1.0, ratio), _MAX_WIDENING)


def mean_deviation(pair: Comparison) -> float:
    """Return the mean (root mean square) by which the routes differ.

    It is the greater of two: the difference of the routes, and that of the candidate from the float64 copy.
    """
    candidate = math.sqrt(pair.noise_squares_candidate / pair.noise_elements) if pair.noise_elements else 0.0
    return max(math.sqrt(pair.sum_squares / max(pair.elements, 1)), candidate)


def mean_limit(pair: Comparison, ulp: float, rounding: float) -> float:
    """Return the limit of the mean: 2.5 × the reference's own error plus half an ulp; none for few rows.

    2.5 × the rounding that is possible counts if it is greater: the kernels of the other route may add in an
    order that rounds worse, and the tanh of another compiler may be off to one side in every layer.
    """
    count = pair.noise_elements
    if count < CALIBRATION_ROWS or pair.rows < CALIBRATION_ROWS:
        return math.inf
    return RMS_FACTOR * max(math.sqrt(pair.noise_squares_reference / count), rounding) + ulp / 2


def exceeds_rms(pair: Comparison, ulp: float, rounding: float) -> bool:
    """Whether the mean exceeds its limit."""
    return mean_deviation(pair) > mean_limit(pair, ulp, rounding)


def rounding_of_float64_pair(pair: Comparison | None) -> float:
    """Return the mean difference that the same routes may have in float32; 0 if it is unknown.

    The same kernels add in the same order in both precisions, so that the differences are alike but for the
    factor 2²⁹. They are larger in float32, where products round too: weights of 24 bits have exact products
    in float64.
    """
    if pair is None or not pair.elements:
        return 0.0
    return FLOAT32_FACTOR * math.sqrt(pair.sum_squares / pair.elements) / FLOAT64_GAIN


def noise_multiple(comparison: Comparison, noise: float | None) -> float | None:
    """Return the largest difference in multiples of the rounding noise of that output.

    It is None if the noise is unknown or nothing was compared.
    """
    if noise is None or math.isnan(noise) or comparison.misshapen or not comparison.elements:
        return None
    if noise == 0:
        return math.inf if comparison.max_abs else 0.0
    return comparison.max_abs / noise


def rows_without_digit(noise: Comparison) -> int:
    """Return how many rows have no right digit, if many have none; else 0.

    Every limit then exceeds the outputs. An output near 0 in all rows, as the logarithm of a saturated
    softmax, may be rounding only.
    """
    count = noise.rows_over(_NO_DIGIT * noise.scale)
    return count if noise.max_abs > _VISIBLE and count > _MANY_ROWS * noise.rows else 0
