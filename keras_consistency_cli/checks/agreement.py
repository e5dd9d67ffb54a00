"""The verdict that most checks share: pairs of routes must agree within their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_consistency_cli.checks.base import Evidence, Pair
from keras_consistency_cli.checks.deviation import describe_deviation
from keras_consistency_cli.checks.judgement import HIGH_NOISE, judge_pairs, limit_exceeds_output, worst
from keras_consistency_cli.checks.near_ties import FLIPPED_SHARE, UNDECIDED, flipped_share
from keras_consistency_cli.checks.unmoved_outputs import error_if_outputs_do_not_move
from keras_consistency_cli.checks.verdict import Judged, Verdict

__all__ = ["CANCELS", "CRASHED", "Wording", "agreement"]

CANCELS = (
    "look for large numbers that cancel, or for a division by a very small number: "
    "a compiler may compute exactly what other routes round"
)
CRASHED = "a route crashed"


@dataclass(frozen=True, kw_only=True)
class Wording:
    """The texts of a check: for agreement, for a difference before its numbers, next step.

    `counts_comparisons` is for routes that run the same row several times: comparisons are counted, not rows.
    """

    agree: str
    differ: str
    advice: str
    counts_comparisons: bool = False


def agreement(evidence: Evidence, pairs: Sequence[Pair], wording: Wording) -> Verdict:
    """Judge pairs and return the verdict: FAIL, else ERROR, else SKIP, else WARN, else PASS.

    The check is skipped, with the reason, if nothing can be compared.
    """
    judged = tuple(judge_pairs(evidence, pairs))
    missing = _problems(evidence, pairs, "unavailable")
    return (
        _failure(evidence, pairs, judged, wording)
        or _error(evidence, pairs, judged)
        or _nothing_compared(judged, missing)
        or error_if_outputs_do_not_move(evidence)
        or _changed_decisions(judged, wording)
        or _extra_rounding(judged, wording)
        or Verdict.ok(wording.agree, reason=missing or None, judged=judged)
    )


def _failure(
    evidence: Evidence, pairs: Sequence[Pair], judged: Sequence[Judged], wording: Wording
) -> Verdict | None:
    over = [one for one in judged if not one.within]
    if not over:
        return None
    size = describe_deviation(worst(over), evidence, counts_comparisons=wording.counts_comparisons)
    message = f"{wording.differ}: {size}"
    crashed = _problems(evidence, pairs, "error")
    return Verdict.fail(message, reason=crashed or None, judged=judged, advice=wording.advice)


def _error(evidence: Evidence, pairs: Sequence[Pair], judged: Sequence[Judged]) -> Verdict | None:
    """An ERROR for a route that crashed, and for a stated limit that cannot fail."""
    crashed = _problems(evidence, pairs, "error")
    if crashed:
        return Verdict.error(CRASHED, crashed, judged=judged)
    useless = next((one for one in judged if limit_exceeds_output(one, evidence)), None)
    if useless is None:
        return None
    message = (
        f"the stated limit {useless.limit.value:.2g} is not below the largest output, "
        f"{useless.comparison.scale:.2g}"
    )
    advice = "state limits below the size of the outputs, or none: the limit from rounding noise would fail"
    return Verdict.error(message, "any difference would pass", judged=judged, advice=advice)


def _nothing_compared(judged: Sequence[Judged], missing: str) -> Verdict | None:
    if not judged:
        return Verdict.skip(missing or "no route gave outputs")
    if all(one.comparison.nonfinite_reference == one.comparison.elements for one in judged):
        return Verdict.skip("every output is NaN or infinite, see KC701 finite", judged=judged)
    return None


def _changed_decisions(judged: Sequence[Judged], wording: Wording) -> Verdict | None:
    """A WARN if a difference within its limit changes decisions, a FAIL if it changes many."""
    most = max(judged, key=lambda one: flipped_share(one.comparison))
    comparison = most.comparison
    if not comparison.flipped:
        return None
    what = "a difference" if most.limit.origin == "stated" else "rounding"
    message = (
        f"{wording.agree}, but {what} of {comparison.max_abs:.1e} changes {comparison.flipped} of "
        f"{comparison.decisions} decisions: near ties"
    )
    verdict = Verdict.fail if flipped_share(comparison) > FLIPPED_SHARE else Verdict.warn
    return verdict(message, cause="near-ties", judged=judged, advice=UNDECIDED)


def _extra_rounding(judged: Sequence[Judged], wording: Wording) -> Verdict | None:
    """Report rounding that predict does not have; a WARN if it exceeds float32's last digits."""
    widened = [one.comparison for one in judged if one.limit.origin == "amplified"]
    if not widened:
        return None
    most = max(widened, key=lambda comparison: comparison.scaled)
    message = (
        f"{wording.agree}, except that {most.candidate} differs by {most.max_abs:.1e} ({most.scaled:.1e} of "
        f"the largest output): it rounds at a step where {most.reference} rounds less, or not at all"
    )
    if most.scaled <= HIGH_NOISE:
        return Verdict.ok(message, judged=judged)
    return Verdict.warn(message, cause="ill-conditioned", judged=judged, advice=CANCELS)


def _problems(evidence: Evidence, pairs: Sequence[Pair], kind: Literal["error", "unavailable"]) -> str:
    """Each problem of the routes of these pairs, once for all routes that have it.

    The same routes on the float64 copy are left out: without them a check judges by other rules.
    """
    routes_by_problem: dict[str, list[str]] = {}
    for route in dict.fromkeys(name for pair in pairs for name in (pair.candidate, pair.reference)):
        trace = evidence.traces.get(route)
        problem = None if trace is None else trace.error if kind == "error" else trace.unavailable
        if problem:
            routes_by_problem.setdefault(problem, []).append(route)
    return "; ".join(f"{', '.join(routes)}: {problem}" for problem, routes in routes_by_problem.items())
