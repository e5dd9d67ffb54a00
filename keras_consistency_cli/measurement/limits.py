"""Limits: the greatest difference that rounding explains, and who is within it.

Two measurements separate rounding from a fault. Calibration: |float32 - float64| of the reference route is
the model's own rounding noise E, and two healthy routes never differed by more than 2.9 E. The float64 pair:
on the float64 copy a rounding difference shrinks by 2⁻²⁹, a fault stays; a jump that the copy alone makes,
as of a tie, is none (jumps.py). If predict avoids a rounding step that another route has (a compiler that
folds constants which cancel), E does not contain it. Then the difference left in float64, times 2²⁹, or
rounding applied layer by layer shows how large that step is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.jumps import is_jump_of_copy
from keras_consistency_cli.measurement.noise import ORDINARY_SHARE, exceeds_steps
from keras_consistency_cli.measurement.policy import Limit, Origin, Policy, UserLimit
from keras_consistency_cli.measurement.rounding import (
    CALIBRATION_ROWS,
    FLOAT64_GAIN,
    FLOAT64_SHARE,
    MAX_FACTOR,
    ULP,
    exceeds_rms,
    has_extra_rounding,
    mean_deviation,
    mean_limit,
    rms_rounding,
    rounding_of_float64_pair,
    widening_factor,
)

__all__ = ["FALLBACK_RTOL", "FLOAT64_FACTOR", "FLOAT64_GAIN", "Judgement", "NoiseEvidence", "judge"]

FLOAT64_FACTOR = 16.0
"""Limit on the float64 copy, in multiples of (E + 1 ulp) · 2⁻²⁹.

Healthy pairs stayed below 2.2 (benchmarks/calibration.py).
"""
_FEW_ROWS_FACTOR = 8.0
FALLBACK_RTOL = 1e-4
"""Share of the output's scale, used if no float64 copy can be made.

It is 100 times the usual rounding noise. The report says that it is an estimate.
"""
_FALLBACK_ULPS = 8.0
"""The same in ulps of the dtype, for models that compute in 16 bits, where 1e-4 is less than one."""
_FLOAT64_RTOL = 1e-12
"""Share of the output's scale, for models that compute in float64.

Their float64 copy is not more precise than they are.
"""


@dataclass(frozen=True, kw_only=True)
class NoiseEvidence:
    """A pair of routes, and the comparisons that tell its rounding from a fault.

    Args:
        pair: the two routes in the model's own precision.
        noise: predict compared with its float64 copy for this output, None without a float64 copy.
        float64_pair: the same two routes on the float64 copy.
        rounded: the float64 copy rounded layer by layer compared with predict: the average rounding that is
            possible when predict happens to round well.
    """

    pair: Comparison
    noise: Comparison | None = None
    float64_pair: Comparison | None = None
    rounded: Comparison | None = None
    coarsest: str = "float32"
    """The coarsest number type that the policies of the model declare."""
    quantised: bool = False
    """Whether layers of the model are quantised: noise and `rounded` then contain the error of that."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a difference is within its limit, the limit, and which measurement decided."""

    within: bool
    limit: Limit
    reason: str
    by_nonfinite: bool = False


@dataclass(frozen=True, kw_only=True)
class _Calibration:
    """The limit that calibration gives, and how large one unit in the last place is."""

    limit: Limit
    ulp: float
    few_rows: bool


def judge(evidence: NoiseEvidence, *, policy: Policy, exact: bool = False) -> Judgement:
    """Decide whether a pair of routes agrees.

    Args:
        evidence: the pair and the comparisons that measure its rounding.
        policy: the user's limits.
        exact: whether this pair must have the same bits whatever the limit (replaced neighbours).
    """
    pair, stated = evidence.pair, policy.stated_for(evidence.pair.output)
    if pair.misshapen:
        return _judged(False, "exact", 0.0, f"different shapes: {pair.misshapen}")
    if exact or (policy.exact and stated is None):
        return _judged(
            pair.identical, "exact", 0.0, f"identical bits required{'' if exact else ' by --exact'}"
        )
    if pair.nonfinite:
        values = f"{pair.nonfinite:,} value{'' if pair.nonfinite == 1 else 's'}"
        reason = f"{values} NaN or infinite in one of the two results only"
        return replace(_judged(False, "exact", 0.0, reason), by_nonfinite=True)
    if stated is not None:
        return _judge_stated(pair, stated)
    if evidence.noise is None or evidence.noise.noise_elements == 0:
        return _judge_by_default(evidence)
    judgement = _judge_calibrated(evidence, evidence.noise)
    if judgement.within or evidence.float64_pair is None:
        return judgement
    return _judge_extra_rounding(evidence, evidence.noise, evidence.float64_pair) or judgement


def _judged(within: bool, origin: Origin, limit: float, reason: str) -> Judgement:
    return Judgement(within=within, limit=Limit(value=limit, origin=origin), reason=reason)


def _judge_stated(pair: Comparison, stated: UserLimit) -> Judgement:
    limit = stated.atol + stated.rtol * pair.scale
    reason = f"stated limit: atol {stated.atol:g} + rtol {stated.rtol:g} · |reference|"
    return _judged(pair.stated_over == 0, "stated", limit, reason)


def _judge_by_default(evidence: NoiseEvidence) -> Judgement:
    pair, ulp = evidence.pair, ULP.get(evidence.coarsest, 0.0)
    share, words = FALLBACK_RTOL, "1e-4"
    if _FALLBACK_ULPS * ulp > FALLBACK_RTOL:
        share = _FALLBACK_ULPS * ulp
        words = f"{share:.2g}, as the model computes in {evidence.coarsest},"
    reason = f"rounding noise is unknown: the limit is {words} of the greatest output"
    return _judged(pair.max_abs <= share * pair.scale, "fallback", share * pair.scale, reason)


def _judge_calibrated(evidence: NoiseEvidence, noise: Comparison) -> Judgement:
    pair, scale = evidence.pair, max(evidence.pair.scale, noise.scale)
    if pair.dtype == "float64" and noise.max_abs <= max(_FLOAT64_RTOL * scale, _float64_rounding(evidence)):
        return _judge_in_float64(evidence, scale)
    calibration = _calibrate(evidence, noise, scale)
    problem = _find_problem(evidence, noise, calibration)
    if problem is not None:
        return problem
    gone = "" if evidence.float64_pair is None else ", and the difference disappears in float64"
    return Judgement(within=True, limit=calibration.limit, reason=f"within rounding noise{gone}")


def _float64_rounding(evidence: NoiseEvidence) -> float:
    """Return what rounding in float64 can change: that of float32, layer by layer, with 29 more bits."""
    return MAX_FACTOR * evidence.rounded.max_abs * FLOAT64_GAIN if evidence.rounded is not None else 0.0


def _judge_in_float64(evidence: NoiseEvidence, scale: float) -> Judgement:
    """Judge routes of a model that computes in float64, whose copy has the same rounding."""
    usual, rounding, difference = _FLOAT64_RTOL * scale, _float64_rounding(evidence), evidence.pair.max_abs
    if difference <= usual or rounding <= usual:
        reason = "the model computes in float64: the limit is 1e-12 of the greatest output"
        return _judged(difference <= usual, "fallback", usual, reason)
    reason = "the model computes in float64: the limit is the rounding of its layers"
    return _judged(difference <= rounding, "amplified", rounding, reason)


def _calibrate(evidence: NoiseEvidence, noise: Comparison, scale: float) -> _Calibration:
    ulp = ULP.get(evidence.pair.dtype, 0.0) * scale
    if noise.distinct_rows < CALIBRATION_ROWS:
        # One row may round well by chance.
        possible = max(rms_rounding(evidence.rounded), rounding_of_float64_pair(evidence.float64_pair))
        value = _FEW_ROWS_FACTOR * (MAX_FACTOR * max(noise.max_abs, possible) + ulp)
        return _Calibration(limit=Limit(value=value, origin="calibrated-few-rows"), ulp=ulp, few_rows=True)
    widening = widening_factor(evidence.rounded) if evidence.float64_pair is None else 1.0
    limit = Limit(value=MAX_FACTOR * noise.max_abs * widening + ulp, origin="calibrated")
    return _Calibration(limit=limit, ulp=ulp, few_rows=False)


def _find_problem(evidence: NoiseEvidence, noise: Comparison, calibration: _Calibration) -> Judgement | None:
    """Return a judgement with the limit that a difference exceeds, None if it is rounding."""
    pair, limit = evidence.pair, calibration.limit
    problem = _find_float64_problem(evidence, noise, calibration)
    if problem is not None:
        return problem
    if pair.max_abs > limit.value:
        multiple = f"{_multiple(pair.max_abs, noise.max_abs)} the model's own rounding noise"
        return Judgement(within=False, limit=limit, reason=multiple)
    if evidence.quantised and evidence.float64_pair is None:
        return _find_too_many_steps(evidence, limit)
    rounding = max(rms_rounding(evidence.rounded), rounding_of_float64_pair(evidence.float64_pair))
    most = math.inf if calibration.few_rows else mean_limit(pair, calibration.ulp, rounding)
    deviation = mean_deviation(pair)
    if deviation <= most:
        return None
    reason = f"the mean difference is {deviation:.1e}, where rounding gives at most {most:.1e} on these rows"
    return Judgement(within=False, limit=replace(limit, value=most, measure="mean"), reason=reason)


def _find_too_many_steps(evidence: NoiseEvidence, limit: Limit) -> Judgement | None:
    """Return a judgement if more rows differ than those with an input of a layer on a different step."""
    if not exceeds_steps(evidence.pair, evidence.rounded):
        return None
    value = ORDINARY_SHARE * evidence.pair.scale
    reason = "more rows differ than those with an input of a quantised layer on a different step"
    return Judgement(within=False, limit=replace(limit, value=value), reason=reason)


def _find_float64_problem(
    evidence: NoiseEvidence, noise: Comparison, calibration: _Calibration
) -> Judgement | None:
    pair, float64_pair = evidence.pair, evidence.float64_pair
    if float64_pair is None:
        return None
    if float64_pair.misshapen or (float64_pair.nonfinite and not pair.identical):
        reason = "the float64 copy differs too, in shape or in NaN and infinity"
        return Judgement(within=False, limit=calibration.limit, reason=reason)
    most = FLOAT64_FACTOR * (noise.max_abs + calibration.ulp) * FLOAT64_GAIN
    if float64_pair.max_abs <= most or is_jump_of_copy(pair, float64_pair, noise):
        return None
    left = f"{float64_pair.max_abs:.1e} is left in float64"
    reason = f"not rounding: {left}, where rounding would leave less than {most:.1e}"
    limit = replace(calibration.limit, value=most, measure="float64")
    return Judgement(within=False, limit=limit, reason=reason)


def _judge_extra_rounding(
    evidence: NoiseEvidence, noise: Comparison, float64_pair: Comparison
) -> Judgement | None:
    """Return a judgement for rounding that only the candidate does.

    None if the difference is not that. Two things must hold. The difference shrinks in float64 as rounding
    does. And its size is explained: by the difference left in float64, times 2²⁹, or by rounding applied
    layer by layer. A fault that acts in float32 alone leaves nothing in float64 and is not part of that
    rounding.
    """
    pair = evidence.pair
    ulp = ULP["float32"] * max(pair.scale, noise.scale)
    left = FLOAT64_FACTOR * max(pair.max_abs, noise.max_abs + ulp) * FLOAT64_GAIN
    if pair.dtype != "float32" or not float64_pair.elements or float64_pair.max_abs > left:
        return None
    if float64_pair.misshapen or float64_pair.nonfinite:
        return None
    layered = evidence.rounded if has_extra_rounding(evidence.rounded) else None
    scaled_up = float64_pair.max_abs / FLOAT64_GAIN
    if scaled_up > FLOAT64_SHARE * pair.max_abs:
        scaled_up = 0.0
    if not scaled_up and layered is None:
        return None
    limit = MAX_FACTOR * max(scaled_up, layered.max_abs if layered is not None else 0.0) + ulp
    rms = rounding_of_float64_pair(float64_pair) if scaled_up else 0.0
    if pair.max_abs > limit or exceeds_rms(pair, ulp, max(rms, rms_rounding(layered))):
        return None
    reason = "rounding at a step where predict rounds less: it shrinks in float64 as rounding does"
    return _judged(True, "amplified", limit, reason)


def _multiple(distance: float, noise: float) -> str:
    return f"{distance / noise:.3g} ×" if noise else "above"
