"""What 16 bits cost, or would cost: how far answers move, how many decisions flip, whether anything overflows.

Why: accelerators are several times as fast in float16 or bfloat16 as in float32, and serving often switches over without
asking. float16 keeps three digits and ends at 65504, bfloat16 keeps two or three and ends nowhere in practice. Most
classifiers do not mind; a model with near ties, large activations or large outputs does.

How: a copy of the model is built from its config under mixed_float16 and under mixed_bfloat16 with the same weights, and
answers one batch; what it says is held against predict. This is information about a choice that nobody has made: it
passes. A model that computes in 16 bits itself is held against its float64 copy instead, and there flips of more than
5 % of the decisions, or values that overflow, are a warning. Quantised models have no such copy.

To fix: keep the last layer, and layers with large activations, in float32 (dtype="float32"); prefer bfloat16 where
float16 overflows.

Sources: tensorflow#56065, https://keras.io/api/mixed_precision/.
"""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.agreement import FLIPPED_SHARE
from keras_consistency_cli.checks.base import Check, Evidence, Pair, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.numerics.reduced_precision import POLICIES, lowered_name

__all__ = ["CHECK"]

_POLICIES = {lowered_name(policy): policy for policy in POLICIES}
_PAIRS = tuple(Pair(candidate=name, reference="predict") for name in _POLICIES)


def examine(evidence: Evidence) -> Verdict:
    """Tell what lower precision would cost; judge it only where it is in use."""
    if evidence.facts.low_precision:
        return _in_use(evidence)
    traces = [trace for name in _POLICIES if (trace := evidence.traces.get(name)) is not None]
    crashed = "; ".join(f"{trace.route}: {trace.error}" for trace in traces if trace.error)
    if crashed:
        return Verdict(status=Status.ERROR, message="a copy in lower precision crashed", reason=crashed)
    told = list(_told(evidence))
    if not told:
        reasons = [str(trace.unavailable or trace.details.get("refused", "")) for trace in traces]
        reason = "; ".join(filter(None, dict.fromkeys(reasons))) or "no copy gave answers"
        return Verdict(status=Status.SKIP, message="nothing to compare", reason=reason)
    findings = {name: _found(each) for name, each in told}
    return Verdict(
        status=Status.PASS,
        message="; ".join(f"{name} would {_words(each)}" for name, each in told),
        findings=findings,
    )


def _told(evidence: Evidence) -> Iterator[tuple[str, Comparison]]:
    """By policy, the output that suffers most."""
    for name, policy in _POLICIES.items():
        comparisons = evidence.comparisons.get((name, "predict"), ())
        if comparisons and any(each.elements for each in comparisons):
            yield policy, max(comparisons, key=_suffering)


def _suffering(comparison: Comparison) -> tuple[bool, float]:
    return comparison.nonfinite > 0, comparison.scaled


def _in_use(evidence: Evidence) -> Verdict:
    policies = ", ".join(evidence.facts.low_precision)
    if not evidence.noise:
        float64_copy = evidence.traces.get("predict-float64")
        reason = (
            float64_copy.unavailable
            if float64_copy is not None and float64_copy.unavailable
            else "rounding noise is not known, see KC602"
        )
        return Verdict(status=Status.SKIP, message=f"it computes in {policies}", reason=reason)
    worst = max(evidence.noise.values(), key=_suffering)
    message, findings = (
        f"it computes in {policies}, which may {_words(worst)}, against float64",
        {policies: _found(worst)},
    )
    if worst.nonfinite or (worst.decisions and worst.flipped > FLIPPED_SHARE * worst.decisions):
        advice = "keep the last layer and those with large activations in float32: dtype='float32'"
        return Verdict(
            status=Status.WARN,
            message=message,
            findings={**findings, "cause": "low-precision"},
            advice=advice,
        )
    return Verdict(status=Status.PASS, message=message, findings=findings)


def _words(comparison: Comparison) -> str:
    if comparison.nonfinite:
        return f"overflow in {comparison.nonfinite} of {comparison.elements} values"
    flips = f", {comparison.flipped} of {comparison.decisions} decisions flip" if comparison.decisions else ""
    return f"move answers by {comparison.max_abs:.1e}, {comparison.scaled:.1e} of the greatest{flips}"


def _found(comparison: Comparison) -> dict[str, float]:
    return {
        "max_abs": comparison.max_abs,
        "scaled": comparison.scaled,
        "flipped": comparison.flipped,
        "overflowed": comparison.nonfinite,
    }


CHECK = Check(
    code="KC603",
    name="reduced-precision",
    title="what float16 and bfloat16 cost, or would cost (information)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
)
