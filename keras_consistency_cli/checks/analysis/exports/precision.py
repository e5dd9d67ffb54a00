"""How far an export that computes with fewer bits may be from the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.measurement.rounding import MAX_FACTOR, ULP

__all__ = ["UNITS", "expected_error", "negligible", "widened"]

UNITS: Mapping[str, float] = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "int8": 2.0**-6,
    "uint8": 2.0**-6,
    "int16": 2.0**-14,
    "int4": 2.0**-2,
}
"""Half a step between numbers of a type, as a share of the number that is rounded.

The steps of integers are shares of the largest number of a tensor; most numbers are about a quarter of it.
"""
_FLOAT32_UNIT = 2.0**-24
_FEWEST_ULPS = 64
"""Two calls of one file differ by a few units in the last place where threads add in a different order."""
_FACTOR = 4.0
"""Multiples of the expected error up to which low precision explains a difference."""
_FEWEST_UNITS = 4.0
"""The same in units of the greatest output, for models whose rounding noise is unknown or very small."""


def negligible(evidence: Evidence, scale: float) -> float:
    """Return the greatest difference of two runs in float32 that is rounding only.

    Args:
        evidence: the source of the model's rounding noise.
        scale: the greatest output.
    """
    noise = max((each.max_abs for each in evidence.noise.values()), default=0.0)
    return max(MAX_FACTOR * noise, _FEWEST_ULPS * ULP["float32"] * scale)


def expected_error(evidence: Evidence, judged: Judged, precision: str) -> float | None:
    """Return the greatest error that computing in this precision is expected to give; None for float32.

    Rounding noise grows with the unit of the numbers: what the model does to an error does not depend on its
    size, as long as it is small.
    """
    unit = UNITS.get(precision)
    if unit is None:
        return None
    comparison = judged.comparison
    noise = evidence.noise.get(comparison.output)
    propagated = noise.max_abs * unit / _FLOAT32_UNIT if noise is not None and noise.noise_elements else 0.0
    return max(_FACTOR * propagated, _FEWEST_UNITS * unit * comparison.scale)


def widened(evidence: Evidence, judged: Sequence[Judged], precision: str) -> Iterator[Judged]:
    """Yield the comparisons with the limits of this precision, where they are wider."""
    for one in judged:
        expected = expected_error(evidence, one, precision)
        comparison = one.comparison
        is_stated = one.limit.origin == "stated"
        if expected is None or one.within or is_stated or comparison.misshapen or comparison.nonfinite:
            yield one
        else:
            limit = Limit(value=max(expected, one.limit.value), origin="amplified")
            within = comparison.max_abs <= limit.value
            yield replace(one, limit=limit, within=within, reason=f"the export computes in {precision}")
