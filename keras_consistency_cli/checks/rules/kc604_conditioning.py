"""How much a relative change of 1e-7 in the inputs or in the weights changes the outputs.

Why: storing a number as float32 changes it by 6e-8 of itself, and the kernels of a different machine do the
same. A model that amplifies this a hundred thousand times has no reliable digits left, and decisions between
outputs that close together are random.

How: on the float64 copy, where rounding does not interfere, every float input, and then every weight, is
changed by 1e-7 of itself up or down, in three seeded draws, two for a heavy model; the one with the largest
effect counts. Ids, padding and values on the border of a bin (Discretization) are exact, and are not changed.
The amplification is the relative change of the outputs (root mean square) divided by 1e-7, a lower bound of
the condition number. Above 10⁴ this check warns, and the layer at which errors grow most is searched for;
decisions that change are near ties, and are a warning too. So are rows that change far more than all others,
with none in between, as the places of the highest scores or what is looked up by them: nothing is amplified
there, but decided differently.

To fix: scale the inputs, normalize between layers, avoid differences of large numbers and divisions by small
ones; treat near ties as undecided.

Sources: Higham, Accuracy and Stability of Numerical Algorithms, chapter 1; keras#19254.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.near_ties import EQUAL_SCORES, UNDECIDED
from keras_consistency_cli.checks.preconditions import error_if_crashed
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.jumps import decided_rows
from keras_consistency_cli.routes.numerics.conditioning import CHANGE
from keras_consistency_cli.routes.trace import FLOAT64_COPY

__all__ = ["CHECK"]

_ILL_CONDITIONED = 1e4
_CHANGED = {"changed-inputs": "inputs", "changed-weights": "weights"}
_PAIRS = tuple(Pair(candidate=name, reference=FLOAT64_COPY) for name in _CHANGED)


def examine(evidence: Evidence) -> Verdict:
    """Report the amplification; WARN if float32 keeps no digits, or if decisions change."""
    crashed = error_if_crashed(evidence, _CHANGED)
    if crashed is not None:
        return crashed
    comparisons = {
        _CHANGED[pair.candidate]: compared
        for pair in _PAIRS
        if (compared := evidence.comparisons.get((pair.candidate, pair.reference), ()))
    }
    if not comparisons or not evidence.noise:
        return Verdict.skip(_why_not_measured(evidence))
    factors = {what: max(map(_amplification, compared)) for what, compared in comparisons.items()}
    every = [comparison for compared in comparisons.values() for comparison in compared]
    beyond = [each for each in every if _amplification(each) > _ILL_CONDITIONED]
    if beyond and all(map(decided_rows, beyond)):
        return _judge_ties(factors, max(beyond, key=decided_rows))
    return _judge(factors, max(every, key=lambda comparison: comparison.flipped))


def _judge_ties(factors: Mapping[str, float], changed: Comparison) -> Verdict:
    """A WARN for rows that are decided differently, and in which nothing is amplified."""
    rows = decided_rows(changed)
    message = (
        f"a relative change of 1e-7 changes decisions in {rows} of {changed.rows} rows of the output "
        f"'{changed.output}': near ties"
    )
    findings = {"amplification": dict(factors), "flipped": rows}
    return Verdict.warn(message, cause="near-ties", findings=findings, advice=EQUAL_SCORES)


def _why_not_measured(evidence: Evidence) -> str:
    float64_copy = evidence.traces.get(FLOAT64_COPY)
    if float64_copy is not None and float64_copy.unavailable:
        return "there is no float64 copy, see KC602 float32-vs-float64"
    traces = [trace for name in _CHANGED if (trace := evidence.traces.get(name)) is not None]
    missing = "; ".join(f"{trace.route}: {trace.unavailable}" for trace in traces if trace.unavailable)
    return missing or "rounding noise is unknown, see KC602 float32-vs-float64"


def _judge(factors: Mapping[str, float], flips: Comparison) -> Verdict:
    largest_first = sorted(factors.items(), key=lambda item: item[1], reverse=True)
    message = "; ".join(
        f"a relative change of 1e-7 in the {what} causes a relative change of "
        f"{CHANGE * factor:.1e} in the outputs"
        for what, factor in largest_first
    )
    findings = {"amplification": dict(factors), "flipped": flips.flipped}
    if max(factors.values()) > _ILL_CONDITIONED:
        advice = (
            "scale the inputs or normalize between layers; "
            "until then the last digits of the outputs mean nothing"
        )
        message += f"; a change is amplified up to {max(factors.values()):.1e} times"
        return Verdict.warn(message, cause="ill-conditioned", findings=findings, advice=advice)
    if flips.flipped:
        message += f"; {flips.flipped} of {flips.decisions} decisions change: near ties"
        return Verdict.warn(message, cause="near-ties", findings=findings, advice=UNDECIDED)
    return Verdict.ok(message, findings=findings)


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
    is_slow=True,
)
