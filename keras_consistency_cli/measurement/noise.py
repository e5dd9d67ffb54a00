"""Noise: estimate the model's rounding noise E for each output.

It stays unknown if what separates predict from its float64 copy is not rounding.

A quantised layer rounds its inputs to steps. If two routes differ in the last digit of an input that is close
to the boundary of two steps, the outputs of that row change by up to a step. This happens in few rows. The
float64 copy that rounds inputs to the same steps shows in how many, because its last digits differ too.
"""

from __future__ import annotations

import itertools
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
_SAME_IN_FLOAT64 = 2.0**-10
"""Share of the noise by which routes on the float64 copy may differ; rounding leaves a millionth of that."""
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
        traced_again: predict traced again, here or in a second process, compared with predict.
        in_float64: other ways of calling the float64 copy, each compared with its predict.
        changed_kinds: kinds of variables that predict changes.
        changes_numbers: whether predict changes a number of Python, of which a graph holds a former value.
        reads_clock: whether the outputs of predict depend on the time.
        random_operations: whether the model draws random numbers.
        coarse: whether less precision than float32 is to be expected.
    """

    reference: Sequence[Comparison]
    repeated: Sequence[Comparison] = ()
    alternatives: Sequence[Sequence[Comparison]] = ()
    rounded: Sequence[Comparison] = ()
    traced_again: Sequence[Comparison] = ()
    in_float64: Sequence[Comparison] = ()
    changed_kinds: Collection[str] = ()
    changes_numbers: bool = False
    reads_clock: bool = False
    random_operations: bool = False
    coarse: bool = False


def estimate_noise(measured: NoiseMeasurements) -> dict[str, Comparison]:
    """Return the rounding noise by output: predict's distance to the float64 copy.

    Nothing if predict is random, or if it and the copy may hold different values of what call() takes from
    outside the model: then that distance is not rounding. If predict is much further from the copy
    than another way of calling the model, that way's distance is returned, because predict's would hide a
    fault of predict. An output is left out if predict is further away than rounding explains.
    """
    noise = {pair.output: pair for pair in measured.reference if pair.noise_elements}
    if _is_random(measured, noise) or _holds_other_values(measured, noise):
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


def _holds_other_values(measured: NoiseMeasurements, noise: dict[str, Comparison]) -> bool:
    """Whether the copy may have been traced or run with another time, count or random number than predict."""
    if measured.reads_clock or any(pair.scaled > _DIFFERENT_DRAWS for pair in measured.traced_again):
        return True
    return measured.changes_numbers and not all(_counts_alike(measured, pair) for pair in noise.values())


def _counts_alike(measured: NoiseMeasurements, own: Comparison) -> bool:
    """Whether no two routes hold different values of a number that predict changes, or it has no effect.

    Two traces of predict may hold the same value, and the copy, a call or a single row another one. Rounding
    would separate all of them from the copy by about the same distance.
    """
    in_float64 = [pair.max_abs for pair in measured.in_float64 if pair.output == own.output]
    others = [*itertools.chain(*measured.alternatives), *measured.rounded]
    distances = [own.max_abs, *(pair.max_abs for pair in others if pair.output == own.output)]
    largest, ulp = max(distances), _float32_spacing(own.scale)
    return (
        largest <= _DIFFERENT_DRAWS * own.scale
        and largest <= _NOT_ROUNDING * max(min(distances), ulp)
        and all(distance <= _SAME_IN_FLOAT64 * max(own.max_abs, ulp) for distance in in_float64)
    )


def _is_far_beyond(own: Comparison, other: Comparison) -> bool:
    return own.max_abs > _NOT_ROUNDING * max(other.max_abs, _float32_spacing(other.scale))


def _float32_spacing(scale: float) -> float:
    """Return the distance of two neighbouring float32 numbers; outputs in float64 may exceed the largest."""
    # The largest number itself has no neighbour above it.
    return float(np.spacing(np.float32(min(scale, float(np.finfo(np.float32).max) / 2))))


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
