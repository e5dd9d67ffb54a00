"""The services of a run, as checks see them: their labels, and one verdict for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.judgement import judge_pairs
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.routes.endpoints.table import ANSWERS, AnswerDetails
from keras_consistency_cli.routes.exports.names import export_name, export_of

__all__ = [
    "NO_ENDPOINT",
    "combine_endpoints",
    "endpoint_names",
    "has_endpoints",
    "judge_answers",
    "pairs_of_endpoints",
    "problem_of",
    "routes_of_endpoints",
]

NO_ENDPOINT = "no service to compare: --endpoint URL"
_ORDER = (Status.PASS, Status.SKIP, Status.WARN, Status.ERROR, Status.FAIL)
_COARSEST = 1e-3
"""As a share of the largest output: coarser digits are a fault, not a limit."""


def has_endpoints(settings: Settings) -> bool:
    """Whether a run asks services: without any, their checks do not appear in reports."""
    return bool(settings.endpoints)


def endpoint_names(evidence: Evidence) -> tuple[str, ...]:
    """Return the labels of the services that were asked."""
    start = f"{ANSWERS}@"
    return tuple(export_of(name) for name in evidence.traces if name.startswith(start))


def pairs_of_endpoints(*names: tuple[str, str]) -> Callable[[Settings], tuple[Pair, ...]]:
    """Return the function that gives pairs of routes for every service.

    Args:
        names: a route of the service and the one it is compared with. "=NAME" is a route of the model, ""
            the route's own baseline.
    """

    def pairs(settings: Settings) -> tuple[Pair, ...]:
        return tuple(
            Pair(
                candidate=(name := export_name(candidate, label)),
                reference=_reference(name, reference, label),
            )
            for label in settings.endpoint_labels()
            for candidate, reference in names
        )

    return pairs


def _reference(candidate: str, reference: str, label: str) -> str:
    if not reference:
        return f"{candidate}-baseline"
    return reference[1:] if reference.startswith("=") else export_name(reference, label)


def routes_of_endpoints(*names: str) -> Callable[[Settings], tuple[str, ...]]:
    """Return the function that gives these routes for every service."""
    return lambda settings: tuple(
        export_name(name, label) for label in settings.endpoint_labels() for name in names
    )


def problem_of(evidence: Evidence, label: str, *names: str) -> Verdict | None:
    """Return the verdict if the service did not answer, or not one answer for each row; None if it did."""
    for name in names:
        trace = evidence.traces.get(export_name(name, label))
        if trace is None:
            continue
        if trace.error or trace.unavailable:
            return Verdict.error("the service gives no answers", str(trace.error or trace.unavailable))
        wrong = trace.details_as(AnswerDetails).get("wrong")
        if wrong:
            return Verdict.fail(f"wrong answers: {wrong}", cause="endpoint-answers-missing")
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


def _widened(one: Judged, half: float) -> Judged:
    comparison = one.comparison
    is_coarse = half > _COARSEST * comparison.scale
    if one.within or not half or is_coarse or comparison.misshapen or comparison.nonfinite:
        return one
    limit = Limit(value=one.limit.value + half, origin=one.limit.origin)
    if comparison.max_abs > limit.value:
        return replace(one, limit=limit)
    return replace(one, limit=limit, within=True, reason="half a unit of the last digit is added")


def combine_endpoints(verdicts: Sequence[tuple[str, Verdict]], agree: str) -> Verdict:
    """Return one verdict for all services: that of the worst one, which it names."""
    if not verdicts:
        return Verdict.skip(NO_ENDPOINT)
    summaries: Mapping[str, Mapping[str, object]] = {
        label: {"status": verdict.status.value, "message": verdict.message, **verdict.findings}
        for label, verdict in verdicts
    }
    label, worst = max(verdicts, key=lambda each: _ORDER.index(each[1].status))
    message = worst.message if len(verdicts) == 1 else f"{label}: {worst.message}"
    if worst.status is Status.PASS and len(verdicts) > 1:
        message = f"{agree}: {', '.join(name for name, _ in verdicts)}"
    return replace(
        worst,
        message=message,
        reason=message if worst.status is Status.SKIP else worst.reason,
        findings={**worst.findings, "endpoint": label, "endpoints": summaries},
    )
