"""Tolerance: the limit a deviation is held against, and where it comes from.

Two instruments tell rounding from a fault. Calibration: |float32 - float64| of the reference route is the model's own
rounding noise E, and two honest routes were never further apart than 2.9 E. Lifting: on the float64 copy an honest
difference shrinks by 2⁻²⁹, a fault stays. Where predict is spared a rounding that another way makes (a compiler that folds
constants which cancel), E does not know of it: then what float64 leaves, times 2²⁹, or rounding put back layer by layer does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.measurement.comparison import Comparison, Stated

__all__ = [
    "CALIBRATION_ROWS",
    "MAX_FACTOR",
    "PLAUSIBLE_FACTOR",
    "Judgement",
    "Limit",
    "Policy",
    "excess",
    "hidden_by_noise",
    "judge",
    "plausible",
    "reachable",
]

MAX_FACTOR = 4.0
"""Limit on the greatest deviation, in multiples of E: honest pairs stayed below 2.9 (benchmarks/calibration.py)."""
RMS_FACTOR = 2.5
"""Limit on the root mean square deviation, in multiples of the reference's own."""
FLOAT64_FACTOR = 16.0
"""Limit on the float64 copy, in multiples of (E + 1 ulp) · 2⁻²⁹: honest pairs stayed below 2.2 (benchmarks/calibration.py)."""
FLOAT64_GAIN = 2.0**-29
"""float64 has 29 bits more than float32."""
PLAUSIBLE_FACTOR = 32.0
"""How much further from its float64 copy a model may be than a float64 copy that rounds each layer to float32: honest models stayed below 10."""
_COARSE_FACTOR = 2.0**12
_MOST_LUCK = 8.0
_SPARED = 4.0
"""Predict is spared a rounding where others may make this many times its own: below that, its own is measure enough."""
CALIBRATION_ROWS = 16
"""Fewer rows than this calibrate badly: the limit is widened by `FEW_ROWS_FACTOR`, and the report says so."""
FEW_ROWS_FACTOR = 8.0
FALLBACK_RTOL = 1e-4
"""Of the output's scale, where no float64 copy can be made: 100 times the usual rounding noise. The report says that it is a guess."""
FLOAT64_RTOL = 1e-12
"""Of the output's scale, for models that compute in float64 themselves: their float64 copy is no better than they are."""
_ULP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}

Origin = Literal["calibrated", "calibrated-few-rows", "amplified", "fallback", "stated", "exact"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The greatest absolute deviation allowed, and its origin."""

    value: float
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How limits are found: calibrated by default, or stated by the user (for all outputs or one by one), or exact."""

    stated: Stated | None = None
    per_output: tuple[tuple[str, Stated], ...] = ()
    exact: bool = False

    def stated_for(self, output: str) -> Stated | None:
        """The user's limit for this output, None where it is to be calibrated."""
        return dict(self.per_output).get(output, self.stated)


def excess(rounded: Comparison) -> float:
    """Return how many times further from the float64 copy predict is than rounding layer by layer takes it, on the same rows.

    Args:
        rounded: the float64 copy rounded layer by layer against predict, both measured against the float64 copy itself.
    """
    if rounded.noise_elements == 0:
        return 0.0
    own = math.sqrt(rounded.noise_squares_reference / rounded.noise_elements)
    rounding = (
        math.sqrt(rounded.noise_squares_candidate / rounded.noise_elements)
        + _ULP["float32"] / 2 * rounded.scale
    )
    return own / rounding if rounding else 0.0


def plausible(rounded: Comparison | None, *, coarse: bool = False) -> bool:
    """Whether predict's distance to its float64 copy can be rounding; nothing speaks against it where that was not measured.

    Args:
        rounded: as for `excess`.
        coarse: whether less than float32 is to be expected: bfloat16 has 2¹⁶ times float32's rounding, float16 and TF32 2¹³ times.
    """
    return rounded is None or excess(rounded) <= PLAUSIBLE_FACTOR * (_COARSE_FACTOR if coarse else 1.0)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a deviation is within its limit, the limit, and which instrument decided."""

    within: bool
    limit: Limit
    reason: str


def judge(
    pair: Comparison,
    *,
    noise: Comparison | None,
    float64_pair: Comparison | None,
    policy: Policy,
    exact: bool = False,
    rounded: Comparison | None = None,
) -> Judgement:
    """Decide whether a pair of routes agrees.

    Args:
        pair: the two routes in the model's own precision.
        noise: predict against its float64 copy for this output, None where there is no float64 copy.
        lifted: the same pair of routes on the float64 copy.
        policy: the user's wishes.
        exact: this pair must have the same bits whatever the limit (companion swap).
        rounded: the float64 copy rounded layer by layer against predict: what rounding may do on average where predict happens to round well.
    """
    if pair.misshapen:
        return Judgement(
            within=False, limit=Limit(value=0.0, origin="exact"), reason=f"shapes differ: {pair.misshapen}"
        )
    stated = policy.stated_for(pair.output)
    if exact or (policy.exact and stated is None):
        reason = "the same bits are asked for" + ("" if exact else ", by --exact")
        return Judgement(within=pair.identical, limit=Limit(value=0.0, origin="exact"), reason=reason)
    if pair.nonfinite:
        return Judgement(
            within=False,
            limit=Limit(value=0.0, origin="exact"),
            reason=f"{pair.nonfinite} values are finite on one side only",
        )
    if stated is not None:
        limit = Limit(value=stated.atol + stated.rtol * pair.scale, origin="stated")
        return Judgement(
            within=pair.stated_over == 0,
            limit=limit,
            reason=f"stated: atol {stated.atol:g} + rtol {stated.rtol:g} · |reference|",
        )
    if noise is None or noise.noise_elements == 0:
        limit = Limit(value=FALLBACK_RTOL * pair.scale, origin="fallback")
        return Judgement(
            within=pair.max_abs <= limit.value,
            limit=limit,
            reason="no float64 copy: 1e-4 of the greatest output",
        )
    found = _calibrated(pair, noise, float64_pair, rounded)
    return (
        found
        if found.within or float64_pair is None
        else _amplified(pair, noise, float64_pair, rounded) or found
    )


def _amplified(
    pair: Comparison, noise: Comparison, float64_pair: Comparison, rounded: Comparison | None
) -> Judgement | None:
    """Rounding that predict is spared; None where it is not that.

    Two things must hold. The difference shrinks in float64 as rounding does. And its size is accounted for: by what is left in float64, times 2²⁹,
    or by rounding put back layer by layer. A fault that acts in float32 alone leaves nothing in float64 and is no part of that rounding.
    """
    ulp = _ULP["float32"] * max(pair.scale, noise.scale)
    left = FLOAT64_FACTOR * max(pair.max_abs, noise.max_abs + ulp) * FLOAT64_GAIN
    if (
        pair.dtype != "float32"
        or float64_pair.misshapen
        or float64_pair.nonfinite
        or not float64_pair.elements
        or float64_pair.max_abs > left
    ):
        return None
    layered = rounded if rounded is not None and _spared(rounded) else None
    rest = float64_pair.max_abs / FLOAT64_GAIN
    if not _SPARED * noise.max_abs < rest <= _SPARED * pair.max_abs:
        rest = 0.0
    if not rest and layered is None:
        return None
    limit = Limit(
        value=MAX_FACTOR * max(rest, layered.max_abs if layered is not None else 0.0) + ulp,
        origin="amplified",
    )
    mean = max(
        math.sqrt(float64_pair.sum_squares / float64_pair.elements) / FLOAT64_GAIN if rest else 0.0,
        _rounding(layered),
    )
    if pair.max_abs > limit.value or _rms_over(pair, ulp, mean):
        return None
    return Judgement(
        within=True,
        limit=limit,
        reason="rounding that predict is spared: it shrinks in float64 as rounding does",
    )


def _spared(rounded: Comparison) -> bool:
    """Whether rounding layer by layer gives far more than predict has on the same rows."""
    return rounded.noise_squares_candidate > _SPARED**2 * rounded.noise_squares_reference


def reachable(pair: Comparison, rounded: Comparison | None) -> bool:
    """Whether rounding put back layer by layer goes as far, where it goes further than predict's own: nothing shows that it is a fault.

    Args:
        pair: two routes of which no float64 twin tells more.
        rounded: the float64 copy rounded layer by layer against predict.
    """
    if rounded is None or pair.dtype != "float32" or pair.misshapen or pair.nonfinite or not _spared(rounded):
        return False
    ulp = _ULP["float32"] * pair.scale
    return pair.max_abs <= MAX_FACTOR * rounded.max_abs + ulp and not _rms_over(pair, ulp, _rounding(rounded))


def hidden_by_noise(pair: Comparison, noise: Comparison | None, *, loud: float) -> bool:
    """Whether a difference drowns in rounding that is loud: then another compiler may round worse than predict by as much on average as at most.

    Args:
        pair: two routes of which no float64 twin tells more.
        noise: predict against its float64 copy.
        loud: share of the greatest output from which on rounding is loud.
    """
    if (
        noise is None
        or pair.dtype != "float32"
        or pair.misshapen
        or pair.nonfinite
        or noise.scaled <= loud
        or not noise.noise_elements
    ):
        return False
    ulp = _ULP["float32"] * pair.scale
    own = math.sqrt(noise.sum_squares / max(noise.elements, 1))
    return pair.max_abs <= MAX_FACTOR * noise.max_abs + ulp and not _rms_over(
        pair, ulp, MAX_FACTOR / RMS_FACTOR * own
    )


def _calibrated(
    pair: Comparison, noise: Comparison, float64_pair: Comparison | None, rounded: Comparison | None
) -> Judgement:
    scale = max(pair.scale, noise.scale)
    if pair.dtype == "float64" and noise.max_abs <= FLOAT64_RTOL * scale:
        limit = Limit(value=FLOAT64_RTOL * scale, origin="fallback")
        return Judgement(
            within=pair.max_abs <= limit.value,
            limit=limit,
            reason="the model computes in float64: 1e-12 of the greatest output",
        )
    ulp = _ULP.get(pair.dtype, 0.0) * scale
    few = noise.rows < CALIBRATION_ROWS
    factor = MAX_FACTOR * (FEW_ROWS_FACTOR if few else 1.0)
    reach = noise.max_abs * (_luck(rounded) if float64_pair is None else 1.0)
    limit = Limit(value=factor * reach + ulp, origin="calibrated-few-rows" if few else "calibrated")
    if float64_pair is not None:
        if float64_pair.misshapen or (float64_pair.nonfinite and not pair.identical):
            return Judgement(
                within=False, limit=limit, reason="the float64 copy disagrees too, in shape or finiteness"
            )
        floor = FLOAT64_FACTOR * (noise.max_abs + ulp) * FLOAT64_GAIN
        if float64_pair.max_abs > floor:
            reason = f"not rounding: {float64_pair.max_abs:.1e} is left in float64, where rounding would leave less than {floor:.1e}"
            return Judgement(within=False, limit=limit, reason=reason)
    if pair.max_abs > limit.value:
        return Judgement(
            within=False,
            limit=limit,
            reason=f"{_multiple(pair.max_abs, noise.max_abs)} the model's own rounding noise",
        )
    if not few and _rms_over(pair, ulp, _rounding(rounded) if float64_pair is None else 0.0):
        return Judgement(
            within=False, limit=limit, reason="the mean deviation is above what rounding gives on these rows"
        )
    return Judgement(
        within=True,
        limit=limit,
        reason="within rounding noise" + ("" if float64_pair is None else ", and gone in float64"),
    )


def _rounding(rounded: Comparison | None) -> float:
    """What rounding layer by layer does on average."""
    return (
        math.sqrt(rounded.noise_squares_candidate / rounded.noise_elements)
        if rounded is not None and rounded.noise_elements
        else 0.0
    )


def _luck(rounded: Comparison | None) -> float:
    """How much better predict rounds than rounding layer by layer does on the same rows: another compiler need not be as lucky."""
    if rounded is None or not rounded.noise_squares_reference or not rounded.noise_elements:
        return 1.0
    return min(
        max(1.0, math.sqrt(rounded.noise_squares_candidate / rounded.noise_squares_reference)), _MOST_LUCK
    )


def _rms_over(pair: Comparison, ulp: float, rounding: float) -> bool:
    """Rule on the mean: 2.5 × the reference's own error on the same rows, with a floor of half an ulp.

    Where nothing was lifted, it is 2.5 × what rounding may do: another compiler's tanh is off to one side in every layer, and that adds up.
    """
    count = pair.noise_elements
    if count < CALIBRATION_ROWS or pair.rows < CALIBRATION_ROWS:
        return False
    own = max(math.sqrt(pair.noise_squares_reference / count), rounding)
    allowed = RMS_FACTOR * own + ulp / 2
    return (
        math.sqrt(pair.sum_squares / max(pair.elements, 1)) > allowed
        or math.sqrt(pair.noise_squares_candidate / count) > allowed
    )


def _multiple(distance: float, noise: float) -> str:
    return f"{distance / noise:.3g} ×" if noise else "above"
