"""A quantised model gives the outputs of its float copy, except for the error of quantisation.

Why: model.quantize("int8") replaces kernels by whole numbers with scales. Keras applies the scales only if
the layer itself is called. TimeDistributed, and any layer that runs call() of a layer inside it, multiplies
by the whole numbers: outputs are hundreds of times too large, without a warning, and saving keeps them so.
float8 begins with a scale of 1: numbers above 448 are cut to 448, and numbers below 0.002 become 0.

int4 and float8 are coarse: even a healthy model changes by 6 to 13 % of its outputs.

How: a float copy is built with the numbers that the quantised weights stand for. It runs a second time with
the error of quantisation: inputs of each layer are rounded as the layer rounds them, and each weight moves
by up to half a step. The difference of predict from the copy is compared with the difference of this run; it
may be four times as large. If it is larger, the first layer whose error is too large is named. The copy also
runs with the limits of float8 and without its rounding. If these alone change the outputs by more than twice
the expected error, this is a failure too. If the error is within these bounds but above 3 % of the outputs,
or changes more than 5 % of the decisions, this is a warning. facts: {low_precision: accepted} says that the
low precision is intended; then only changed decisions are a warning. A model without quantised layers is
skipped.

To fix: leave the layer in floats: model.quantize("int8", filters=lambda layer: layer.name != "dense"). Or
call the inner layer itself instead of its call(), and use Dense without TimeDistributed.

Sources: keras#19263, keras-io#2193, keras-io#2195.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypedDict

from keras_consistency_cli.checks.base import Check, Evidence, Pair
from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE, flipped_share
from keras_consistency_cli.checks.preconditions import is_random, stop_unless_run
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.routes.numerics.quantised.dequantised import (
    DEQUANTISED,
    LIMITS_FACTOR,
    QUANTISATION_FACTOR,
    OutputError,
    QuantisationDetails,
    beyond_limits,
    exceeds_rounding,
)
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["CHECK"]

_CAUSE = "quantisation-broken"
_COARSE = "quantisation-coarse"
_LARGE_ERROR = 0.03
"""As a share of the outputs: int8 changed healthy models by at most 0.015, float8 by 0.066, int4 by 0.12."""
_FINER = "quantise to int8; if this precision is intended, set facts: {low_precision: accepted}"
_ROUNDING = 1e-5
"""As a share of the outputs: an error below it is the rounding of float32, not of quantisation."""


class _Findings(TypedDict):
    """Of the worst output: `deviation` and `expected` are shares of the outputs.

    `beyond` is what the limits of float8 alone change, in multiples of the expected error.
    """

    excess: float
    beyond: float
    deviation: float
    expected: float
    flipped: int
    called_directly: list[str]


def examine(evidence: Evidence) -> Verdict:
    """FAIL if predict is further from the float copy than the error of quantisation explains."""
    stopped = stop_unless_run(evidence, DEQUANTISED)
    if stopped is not None:
        return stopped
    details = evidence.details(DEQUANTISED, QuantisationDetails)
    if "refused" in details:
        return Verdict.skip(f"no float copy: {details['refused']}")
    if details["rebuilt_differs"]:
        return Verdict.skip("the model rebuilt from its config gives different outputs, see KC801")
    if is_random(evidence):
        return Verdict.skip("predict draws random numbers, changes the model or does not repeat itself")
    comparisons = {each.output: each for each in evidence.comparisons.get((DEQUANTISED, REFERENCE), ())}
    errors = {
        name: error
        for name, error in details["errors"].items()
        if name in comparisons and math.isfinite(error["size"]) and math.isfinite(error["expected"])
    }
    if not errors:
        return Verdict.skip("the float copy gives no finite numbers to compare")
    return _judge(evidence, errors, comparisons, details["called_directly"])


def _judge(
    evidence: Evidence,
    errors: Mapping[str, OutputError],
    comparisons: Mapping[str, Comparison],
    called_directly: list[str],
) -> Verdict:
    worst = max(errors, key=lambda name: (_is_broken(errors[name]), _excess(errors[name])))
    error, comparison = errors[worst], comparisons[worst]
    findings: _Findings = {
        "excess": _excess(error),
        "beyond": _beyond(error),
        "deviation": _share(error, error["deviation"]),
        "expected": max(_share(each, each["expected"]) for each in errors.values()),
        "flipped": comparison.flipped,
        "called_directly": called_directly,
    }
    if not _is_broken(error):
        return _judge_expected_error(evidence, findings, max(comparisons.values(), key=flipped_share))
    size = f"{findings['deviation']:.2g} of the size of the outputs"
    limits = (
        f"; the limits of float8 alone change as much as {findings['beyond']:.2g} × that error"
        if findings["beyond"] > LIMITS_FACTOR
        else ""
    )
    details = f"{limits}{_describe_decisions(comparison)}{_describe_calls(findings)}"
    return Verdict.fail(
        f"{_describe_excess(findings)}; {size}{details}",
        cause=_CAUSE,
        judged=[_compare_with_limit(errors[name], comparisons[name]) for name in errors],
        findings=findings,
        advice="leave the layer where the difference starts in floats, and quantise the others",
    )


def _judge_expected_error(evidence: Evidence, findings: _Findings, comparison: Comparison) -> Verdict:
    """A PASS, or a WARN for an error that is large although quantisation explains it."""
    share = findings["expected"]
    # The name of a policy, such as "int4/128_from_float32", begins with the mode.
    modes = dict.fromkeys(re.split("[/_]", policy)[0] for policy in evidence.facts.quantised)
    expected = f"{', '.join(modes)} changes outputs by about {share:.2g} of their size"
    details = f"{_describe_decisions(comparison)}{_describe_calls(findings)}"
    message = f"{_describe_excess(findings)}; {expected}{details}"
    is_accepted = evidence.data.owner.low_precision == "accepted"
    if flipped_share(comparison) > FLIPPED_SHARE or (share > _LARGE_ERROR and not is_accepted):
        return Verdict.warn(message, cause=_COARSE, findings=findings, advice=_FINER)
    return Verdict.ok(message, findings=findings)


def _excess(error: OutputError) -> float:
    """The error in multiples of the expected one; infinite if only predict gives NaN."""
    least = _least(error)
    if not math.isfinite(error["deviation"]):
        return math.inf
    return error["deviation"] / least if least else (math.inf if error["deviation"] else 0.0)


def _beyond(error: OutputError) -> float:
    return beyond_limits(error["deviation"], _least(error), error["limits"])


def _is_broken(error: OutputError) -> bool:
    """Whether the rounding of quantisation does not explain the error, or its limits make most of it."""
    return exceeds_rounding(error["deviation"], _least(error), error["limits"])


def _least(error: OutputError) -> float:
    return max(error["expected"], _ROUNDING * error["size"])


def _describe_excess(findings: _Findings) -> str:
    return f"predict differs from its float copy by {findings['excess']:.2g} × the error of quantisation"


def _describe_calls(findings: _Findings) -> str:
    direct = findings["called_directly"]
    return f"; other code runs call() of {', '.join(direct)}" if direct else ""


def _share(error: OutputError, value: float) -> float:
    return value / error["size"] if error["size"] else value


def _describe_decisions(comparison: Comparison) -> str:
    flipped = f"{comparison.flipped} of {comparison.decisions} decisions differ"
    return f"; {flipped}" if comparison.decisions else ""


def _compare_with_limit(error: OutputError, comparison: Comparison) -> Judged:
    # What the limits of float8 change is no rounding: the whole error counts then.
    factor = 1.0 if _beyond(error) > LIMITS_FACTOR else QUANTISATION_FACTOR
    value = factor * _least(error)
    return Judged(
        comparison=comparison,
        limit=Limit(value=value, origin="calibrated", measure="mean"),
        within=not _is_broken(error),
        reason=f"{factor:g} × the expected error of quantisation",
    )


CHECK = Check(
    code="KC606",
    name="quantised-vs-float",
    title="a quantised model gives the outputs of its float copy, except for the error of quantisation",
    explanation=__doc__,
    pairs=(Pair(candidate=DEQUANTISED, reference=REFERENCE),),
    examine=examine,
    is_slow=True,
)
