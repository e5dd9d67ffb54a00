"""Noise: estimate the model's rounding noise E for each output.

It stays unknown if what separates predict from its float64 copy is not rounding.

A quantised layer rounds its inputs to steps. If two routes differ in the last digit of an input that is close
to the boundary of two steps, the outputs of that row change by up to a step. This happens in few rows. The
float64 copy that rounds inputs to the same steps shows in how many, because its last digits differ too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import CALIBRATION_ROWS, RMS_FACTOR, is_plausible_rounding

__all__ = ["ORDINARY_SHARE", "NoiseMeasurements", "estimate_noise", "exceeds_steps"]

_DIFFERENT_DRAWS = 1e-3
"""Share of the output: a float64 copy this far away drew different random numbers."""
_NOT_ROUNDING = 16.0
"""Healthy routes never were more than 2.3 times as far from the copy as one another."""
ORDINARY_SHARE = 1e-4
"""As a share of the greatest output: a row that differs by more has an input on a different step."""
_FEWEST_ROWS = 3
"""Rows on different steps that are possible although the float64 copy shows none."""
_ROWS_FACTOR = 6.0
"""How many times more rows than in the float64 copy; kernels differ by more than one last digit."""


@dataclass(frozen=True, kw_only=True)
class NoiseMeasurements:
    """The comparisons that the noise is estimated from, each by output.

    Args:
        reference: predict compared with its float64 copy.
        repeated: a second predict compared with the first.
        alternatives: for other ways of calling the model, each compared with the float64 copy.
        rounded: the float64 copy rounded layer by layer compared with predict.
        changed_kinds: kinds of variables that predict changes.
        random_operations: whether the model draws random numbers.
        coarse: whether less precision than float32 is to be expected.
    """

    reference: Sequence[Comparison]
    repeated: Sequence[Comparison] = ()
    alternatives: Sequence[Sequence[Comparison]] = ()
    rounded: Sequence[Comparison] = ()
    changed_kinds: Collection[str] = ()
    random_operations: bool = False
    coarse: bool = False


def estimate_noise(measured: NoiseMeasurements) -> dict[str, Comparison]:
    """Return the rounding noise by output: predict's distance to the float64 copy.

    Nothing if predict is random: then that distance is not rounding. If predict is much further from the copy
    than another way of calling the model, that way's distance is returned, because predict's would hide a
    fault of predict. An output is left out if predict is further away than rounding explains.
    """
    noise = {pair.output: pair for pair in measured.reference if pair.noise_elements}
    if _is_random(measured, noise):
        return {}
    for alternative in measured.alternatives:
        for pair in alternative:
            if pair.output in noise and _is_far_beyond(noise[pair.output], pair):
                noise[pair.output] = pair
    predict = {pair.candidate for pair in measured.reference}
    rounded = {pair.output: pair for pair in measured.rounded}
    return {
        output: pair
        for output, pair in noise.items()
        if pair.candidate not in predict or is_plausible_rounding(rounded.get(output), coarse=measured.coarse)
    }


def _is_random(measured: NoiseMeasurements, noise: dict[str, Comparison]) -> bool:
    repeats = all(pair.identical for pair in measured.repeated)
    if not repeats and ("seed" in measured.changed_kinds or not measured.changed_kinds):
        return True
    # With a fixed seed outputs repeat, yet float64 draws different numbers.
    return measured.random_operations and any(pair.scaled > _DIFFERENT_DRAWS for pair in noise.values())


def _is_far_beyond(own: Comparison, other: Comparison) -> bool:
    return own.max_abs > _NOT_ROUNDING * max(other.max_abs, float(np.spacing(np.float32(other.scale))))


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
