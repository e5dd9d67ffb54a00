"""How far a change of 1e-7 in the inputs or in the weights moves the answers.

Why: storing a number as float32 changes it by 6e-8 of itself, and another machine's kernels do the same. A model that
makes a hundred thousand times more of it has no digits left to rely on, and two decisions that lie that close together
are a matter of chance.

How: on the float64 copy, where rounding does not get in the way, every float input, and then every weight, is changed
by 1e-7 of itself up or down, in three seeded draws; the one that moves most counts. The amplification is the relative
change of the answers (root mean square) over 1e-7, an estimate of the condition number from below. Above 10⁴ this check
warns, and the layer at which errors grow most is looked for; decisions that flip are near ties, and warn too.

To fix: scale the inputs, normalise between layers, avoid differences of large numbers and divisions by small ones;
treat near ties as undecided.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 1; keras#19254.
"""

from __future__ import annotations

import math

from keras_consistency_cli.checks.base import UNDECIDED, Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.numerics.conditioning import CHANGE

__all__ = ["CHECK"]

_ILL = 1e4
_WHAT = {"changed-inputs": "inputs", "changed-weights": "weights"}
_PAIRS = tuple(Pair(candidate=name, reference="predict-float64") for name in _WHAT)


def examine(evidence: Evidence) -> Verdict:
    """Tell the amplification; warn where nothing is left of float32's digits, or decisions hang on the last of them."""
    traces = [trace for name in _WHAT if (trace := evidence.traces.get(name)) is not None]
    crashed = "; ".join(f"{trace.route}: {trace.error}" for trace in traces if trace.error)
    if crashed:
        return Verdict(status=Status.ERROR, message="a way of calling the model crashed", reason=crashed)
    found = {
        pair.candidate: evidence.comparisons.get((pair.candidate, pair.reference), ()) for pair in _PAIRS
    }
    factors = {
        name: max(map(_amplification, comparisons)) for name, comparisons in found.items() if comparisons
    }
    if not factors or not evidence.noise:
        reason = "; ".join(f"{trace.route}: {trace.unavailable}" for trace in traces if trace.unavailable)
        return Verdict(
            status=Status.SKIP,
            message="nothing to compare",
            reason=reason or "rounding noise is not known, see KC602",
        )
    moved = " and ".join(f"{CHANGE * factor:.1e} (in the {_WHAT[name]})" for name, factor in factors.items())
    message = f"a relative change of 1e-7 moves answers by a relative {moved}"
    flips = max(
        (each for comparisons in found.values() for each in comparisons), key=lambda each: each.flipped
    )
    return _judged(message, factors, flips)


def _judged(message: str, factors: dict[str, float], flips: Comparison) -> Verdict:
    findings = {
        "amplification": {_WHAT[name]: factor for name, factor in factors.items()},
        "flipped": flips.flipped,
    }
    if max(factors.values()) > _ILL:
        advice = (
            "scale the inputs or normalise between layers; until then the last digits of the answers mean "
            "nothing"
        )
        findings = {**findings, "cause": "ill-conditioned"}
        return Verdict(
            status=Status.WARN,
            message=f"{message}: up to {max(factors.values()):.1e} times as much",
            findings=findings,
            advice=advice,
        )
    if flips.flipped:
        message += f", and flips {flips.flipped} of {flips.decisions} decisions: near ties"
        return Verdict(
            status=Status.WARN, message=message, findings={**findings, "cause": "near-ties"}, advice=UNDECIDED
        )
    return Verdict(status=Status.PASS, message=message, findings=findings)


def _amplification(comparison: Comparison) -> float:
    if not comparison.sum_squares_scale or comparison.misshapen:
        return 0.0
    return math.sqrt(comparison.sum_squares / comparison.sum_squares_scale) / CHANGE


CHECK = Check(
    code="KC604",
    name="conditioning",
    title="a change of 1e-7 in inputs or weights stays small (information)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
