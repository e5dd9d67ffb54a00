"""Noise: estimate the model's rounding noise E for each output.

It stays unknown if what separates predict from its float64 copy is not rounding.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import is_plausible_rounding

__all__ = ["NoiseMeasurements", "estimate_noise"]

_DIFFERENT_DRAWS = 1e-3
"""Share of the output: a float64 copy this far away drew different random numbers."""
_NOT_ROUNDING = 16.0
"""Healthy routes never were more than 2.3 times as far from the copy as one another."""


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
