"""The services of a run, as checks see them: whether they answered, and how their answers are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.targets import Targets
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.routes.endpoints.table import ANSWERS, AnswerDetails
from keras_consistency_cli.routes.targets import route_on

__all__ = ["ENDPOINTS", "are_within", "judge_answers", "judge_repeat", "misplaced_cause", "problem_of"]

ENDPOINTS = Targets(
    key="endpoint",
    labels=Settings.endpoint_labels,
    route=ANSWERS,
    nothing="no service to compare: --endpoint URL",
)
_FEWEST_WRONG = 3
"""Fewer wrong answers may be those of a different row by chance."""
_COARSEST = 1e-3
"""As a share of the largest output: coarser digits are a fault, not a limit."""


def problem_of(evidence: Evidence, label: str, *names: str) -> Verdict | None:
    """Return the verdict if the service did not answer, or not one answer for each row; None if it did."""
    for name in names:
        trace = evidence.traces.get(route_on(name, label))
        if trace is None:
            continue
        if trace.error or trace.unavailable:
            return Verdict.error("the service gives no answers", str(trace.error or trace.unavailable))
        details = trace.details_as(AnswerDetails)
        if details.get("wrong"):
            cause = "endpoint-answers-missing" if details.get("missing", True) else None
            return Verdict.fail(f"wrong answers: {details.get('wrong')}", cause=cause)
    return None


def judge_answers(evidence: Evidence, pair: Pair, *, both_written: bool = False) -> tuple[Judged, ...]:
    """Judge one pair; the limit grows by half a unit of the last digit that the service writes.

    Args:
        evidence: the evidence.
        pair: answers, and what they are compared with.
        both_written: whether the reference consists of answers too.
    """
    wire = evidence.details(pair.candidate, AnswerDetails).get("wire", {})
    judged = []
    for one in judge_pairs(evidence, (pair,)):
        output = one.comparison.output
        half = wire[output]["half_unit"] * (2 if both_written else 1) if output in wire else 0.0
        judged.append(_widened(one, half))
    return tuple(judged)


def are_within(judged: Iterable[Judged]) -> bool:
    """Whether all of these are within their limits; true if there is nothing to judge."""
    return all(one.within for one in judged)


def judge_repeat(evidence: Evidence, name: str, label: str) -> tuple[Judged, ...]:
    """Judge the answers of a route by the service's answers to the same rows, which the route brings."""
    route = route_on(name, label)
    judged = judge_answers(evidence, Pair(candidate=route, reference=f"{route}-baseline"), both_written=True)
    return tuple(_on_own_scale(evidence, one) for one in judged)


def _on_own_scale(evidence: Evidence, one: Judged) -> Judged:
    """The limit of answers that are larger than the outputs of the model, such as percentages."""
    noise = evidence.noise.get(one.comparison.output)
    comparison = one.comparison
    if noise is None or one.within or not noise.scale or comparison.misshapen or comparison.nonfinite:
        return one
    limit = replace(one.limit, value=one.limit.value * max(comparison.scale / noise.scale, 1.0))
    return replace(one, limit=limit, within=comparison.max_abs <= limit.value)


def misplaced_cause(evidence: Evidence, label: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Return the cause if every wrong answer of these routes is the right one for a different row.

    Returns:
        The cause and what confirms it; None if some wrong answers are those of no row.
    """
    details = [evidence.details(route_on(name, label), AnswerDetails) for name in names]
    wrong = sum(each.get("wrong_rows", 0) for each in details)
    inside = sum(each.get("of_request", 0) for each in details)
    anywhere = sum(each.get("of_others", 0) for each in details)
    if wrong < _FEWEST_WRONG:
        return None
    if inside == wrong:
        proof = f"each of {wrong} wrong answers is the output for a different row of the same request"
        return "endpoint-answers-reordered", proof
    if anywhere == wrong:
        return "endpoint-stale-rows", f"each of {wrong} wrong answers is the output for a row sent before"
    return None


def _widened(one: Judged, half: float) -> Judged:
    comparison = one.comparison
    is_coarse = half > _COARSEST * comparison.scale
    if one.within or not half or is_coarse or comparison.misshapen or comparison.nonfinite:
        return one
    limit = Limit(value=one.limit.value + half, origin=one.limit.origin)
    if comparison.max_abs > limit.value:
        return replace(one, limit=limit)
    return replace(one, limit=limit, within=True, reason="half a unit of the last digit is added")
