"""Digits of the rows that float32 does not hold, and that the outputs depend on."""

from __future__ import annotations

from typing import NamedTuple

from keras_consistency_cli.checks.analysis.ids.id_problems import find_rounded_inputs
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.judgement import HIGH_NOISE
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.numerics.conditioning import UNROUNDED, LostDigits, UnroundedDetails
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["DigitLoss", "find_digit_loss"]


class DigitLoss(NamedTuple):
    """An input, a number of its rows, and the outputs of the float64 copy with and without the rounding."""

    input: str
    digits: LostDigits
    effect: Comparison


def find_digit_loss(evidence: Evidence) -> DigitLoss | None:
    """Return the input with the largest numbers that float32 does not hold, if the outputs depend on them.

    Ids that are rounded before a table are reported by KC501.
    """
    rounded = find_rounded_inputs(evidence)
    details = evidence.details(UNROUNDED, UnroundedDetails)
    lost = {name: found for name, found in details.get("lost", {}).items() if name not in rounded}
    compared = evidence.comparisons.get((UNROUNDED, FLOAT64_COPY), ())
    effect = max(compared, key=lambda each: each.scaled, default=None)
    if not lost or effect is None or effect.scaled <= HIGH_NOISE:
        return None
    name = max(lost, key=lambda each: abs(lost[each]["given"]))
    return DigitLoss(input=name, digits=lost[name], effect=effect)
