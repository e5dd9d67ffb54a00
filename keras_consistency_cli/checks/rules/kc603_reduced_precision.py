"""The effect of 16 bits: changes of outputs and decisions, and overflow.

Why: accelerators are several times faster in float16 or bfloat16 than in float32, and serving often switches
over without being asked. float16 keeps three digits and ends at 65504, bfloat16 keeps two or three and
practically never overflows. Most classifiers tolerate it; a model with near ties, large activations or large
outputs does not.

How: a copy of the model is built from its config under mixed_float16 and under mixed_bfloat16 with the same
weights, and predicts one batch; its outputs are compared with predict. This is information about a choice
that has not been made: it passes. A model that computes in 16 bits itself is compared with its float64 copy
instead, and then more than 5 % of changed decisions, a mean change of more than a tenth of the outputs, or
values that overflow, are a warning. Quantised models are left to KC606.

To fix: keep the last layer, and layers with large activations, in float32 (dtype="float32"); prefer bfloat16
if float16 overflows.

Sources: tensorflow#56065, https://keras.io/api/mixed_precision/.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypedDict

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE, flipped_share
from keras_consistency_cli.checks.preconditions import error_if_crashed
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.routes.numerics.low_precision.reduced_precision import (
    POLICIES,
    LoweringDetails,
    lowered_name,
)
from keras_consistency_cli.routes.trace import FLOAT64_COPY, REFERENCE

__all__ = ["CHECK"]

_POLICIES = {lowered_name(policy): policy for policy in POLICIES}
_MOVED_SHARE = 0.1
"""A model in 16 bits whose outputs change by more than this share of their mean has lost an input or a layer.

Twelve healthy architectures stayed below 0.012.
"""
_PAIRS = tuple(Pair(candidate=name, reference=REFERENCE) for name in _POLICIES)


class _Effect(TypedDict):
    """The effect of lower precision on one output, as plain data."""

    max_abs: float
    scaled: float
    flipped: int
    overflowed: int


def examine(evidence: Evidence) -> Verdict:
    """Report the effect of lower precision; judge it only if it is in use."""
    if evidence.facts.quantised:
        return Verdict.skip("layers of the model are quantised, see KC606 quantised-vs-float")
    if evidence.facts.low_precision:
        return _judge_in_use(evidence)
    crashed = error_if_crashed(evidence, _POLICIES)
    if crashed is not None:
        return crashed
    effects = dict(_worst_outputs(evidence))
    if not effects:
        return Verdict.skip(_why_no_copy(evidence))
    return Verdict.ok(
        "; ".join(f"{policy} would {_describe(comparison)}" for policy, comparison in effects.items()),
        findings={policy: _effect(comparison) for policy, comparison in effects.items()},
    )


def _why_no_copy(evidence: Evidence) -> str:
    traces = [trace for name in _POLICIES if (trace := evidence.traces.get(name)) is not None]
    reasons = [trace.unavailable or trace.details_as(LoweringDetails).get("refused", "") for trace in traces]
    return "; ".join(filter(None, dict.fromkeys(reasons))) or "no copy in lower precision gave outputs"


def _worst_outputs(evidence: Evidence) -> Iterator[tuple[str, Comparison]]:
    """By policy, the output that changes most."""
    for name, policy in _POLICIES.items():
        comparisons = evidence.comparisons.get((name, REFERENCE), ())
        if any(comparison.elements for comparison in comparisons):
            yield policy, max(comparisons, key=_badness)


def _badness(comparison: Comparison) -> tuple[bool, float]:
    return comparison.nonfinite > 0, comparison.scaled


def _judge_in_use(evidence: Evidence) -> Verdict:
    """A WARN if lower precision in use changes many decisions or overflows."""
    policies = ", ".join(evidence.facts.low_precision)
    compared = evidence.comparisons.get((REFERENCE, FLOAT64_COPY), ())
    if not any(comparison.elements for comparison in compared):
        float64_copy = evidence.traces.get(FLOAT64_COPY)
        unavailable = float64_copy.unavailable if float64_copy is not None else None
        return Verdict.skip(unavailable or "rounding noise is unknown, see KC602 float32-vs-float64")
    worst = max(compared, key=_badness)
    message = f"the model computes in {policies}; compared with float64, that may {_describe(worst)}"
    findings = {policies: _effect(worst)}
    if worst.nonfinite or flipped_share(worst) > FLIPPED_SHARE or _mean_share(worst) > _MOVED_SHARE:
        advice = "give the layer where the difference starts dtype='float32', and the last layer too"
        return Verdict.warn(message, cause="low-precision", findings=findings, advice=advice)
    return Verdict.ok(message, findings=findings)


def _mean_share(comparison: Comparison) -> float:
    """The mean difference as a share of the mean output (root mean squares)."""
    squares = comparison.sum_squares_scale
    return math.sqrt(comparison.sum_squares / squares) if squares else 0.0


def _describe(comparison: Comparison) -> str:
    if comparison.nonfinite:
        return f"overflow in {comparison.nonfinite} of {comparison.elements} values"
    flips = f" and {comparison.flipped} of {comparison.decisions} decisions" if comparison.decisions else ""
    return f"change outputs by {comparison.max_abs:.1e}{flips}"


def _effect(comparison: Comparison) -> _Effect:
    return _Effect(
        max_abs=comparison.max_abs,
        scaled=comparison.scaled,
        flipped=comparison.flipped,
        overflowed=comparison.nonfinite,
    )


CHECK = Check(
    code="KC603",
    name="reduced-precision",
    title="the effect of float16 and bfloat16, in use or not (information)",
    explanation=__doc__,
    pairs=_PAIRS,
    examine=examine,
    is_slow=True,
)
