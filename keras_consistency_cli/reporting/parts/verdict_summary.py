"""What every report says of a verdict, in words: which comparison stands for it, how far apart, what would pass, and the run's last line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.reporting.parts.noise_multiple import noise_multiple, worst_first
from keras_consistency_cli.reporting.parts.number_format import NOTHING, at_least, count, deviation, number
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.routes.scaling.scaling import SCALING_ROUTES

__all__ = [
    "OUTCOMES",
    "Figures",
    "apart",
    "by_severity",
    "causes_of",
    "ending",
    "figures",
    "flips",
    "headline",
    "pair",
    "rows_named",
    "skips_by_reason",
    "sorted_verdicts",
    "telling",
    "would_pass",
]

OUTCOMES = {"consistent": "consistent", "inconsistent": "inconsistent", "no-verdict": "no verdict"}
_COUNTED = {
    Status.FAIL: "failed",
    Status.ERROR: "error",
    Status.WARN: "warned",
    Status.PASS: "passed",
    Status.SKIP: "skipped",
}
_ORDER = tuple(_COUNTED)
_SEVERITIES = ("fail", "warn", "info")
_ROWS_NAMED = 8
_ALWAYS_EXACT = {(pair.candidate, pair.reference) for check in CHECKS for pair in check.pairs if pair.exact}
"""Pairs that no stated limit applies to."""
_OTHER_ROWS = frozenset(("served", *(route.name for route in SCALING_ROUTES)))
"""Routes that feed the model other rows: what fails there is the rows, and no limit on answers makes it right."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One comparison in four short texts: greatest deviation, the same in multiples of rounding noise, limit, rows."""

    deviation: str
    multiple: str
    limit: str
    rows: str


def sorted_verdicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sort verdicts failing first, skipped last, and by code order within."""
    return sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.status))


def by_severity(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Sort causes of failures before those of warnings, and remarks last."""
    return sorted(diagnoses, key=lambda one: _SEVERITIES.index(one.severity))


def causes_of(report: Report, verdict: Verdict) -> list[Diagnosis]:
    """Return the causes that explain a verdict."""
    return [diagnosis for diagnosis in report.diagnoses if verdict.code in diagnosis.explains]


def telling(verdict: Verdict) -> Judged | None:
    """Return the comparison that stands for a verdict: the worst one; None where it compared nothing, or failed for something else."""
    worst = next(iter(worst_first(verdict.judged)), None)
    return (
        None
        if worst is not None and worst.within and verdict.status in (Status.FAIL, Status.ERROR)
        else worst
    )


def figures(report: Report, judged: Judged) -> Figures:
    """Return the numbers of one comparison as people read them."""
    comparison, limit = judged.comparison, judged.limit
    if comparison.misshapen or comparison.nonfinite:
        return Figures(
            deviation=deviation(comparison), multiple=NOTHING, limit=NOTHING, rows=f"{comparison.rows:,}"
        )
    return Figures(
        deviation=deviation(comparison),
        multiple=number(noise_multiple(comparison, report.noise)),
        limit="exact" if limit.origin == "exact" else number(limit.value),
        rows=f"{comparison.rows:,}",
    )


def pair(report: Report, judged: Judged, said_of_reference: str = "") -> str:
    """Name the two routes, and the output where the model has several."""
    comparison = judged.comparison
    several = len(report.facts.outputs if report.facts else report.noise) > 1
    return f"{comparison.candidate} against {said_of_reference}{comparison.reference}" + (
        f", output '{comparison.output}'" if several else ""
    )


def apart(comparison: Comparison) -> str:
    """Say how far apart two routes are; empty where their shapes differ and nothing could be measured."""
    if comparison.misshapen:
        return ""
    odd = (
        f"{count(comparison.nonfinite, 'value')} finite on one side only, the others "
        if comparison.nonfinite
        else ""
    )
    return f"{odd}at most {number(comparison.max_abs)}, {comparison.rows_differing:,} of {count(comparison.rows, 'row')} differ"


def flips(comparison: Comparison) -> str:
    """Say how many decisions flipped; empty where none did."""
    if not comparison.flipped:
        return ""
    return f"{count(comparison.flipped, 'decision')} flipped ({comparison.decision}) in {count(comparison.rows, 'row')}"


def rows_named(rows: Sequence[int]) -> str:
    """Name the first rows, and say how many there are beyond them."""
    more = len(rows) - _ROWS_NAMED
    return ", ".join(map(str, rows[:_ROWS_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def would_pass(failing: Sequence[Judged]) -> str:
    """Say the smallest stated limit that would let all of these pass, where one could; empty where other rows are at fault."""
    if any(one.comparison.candidate in _OTHER_ROWS for one in failing):
        return ""
    if any(one.comparison.misshapen for one in failing):
        return "no limit lets answers of different shapes pass"
    if any(one.comparison.nonfinite for one in failing):
        return "no limit lets NaN or infinity on one side pass"
    stateable = [
        one.comparison.max_abs
        for one in failing
        if (one.comparison.candidate, one.comparison.reference) not in _ALWAYS_EXACT
    ]
    if not stateable or max(stateable) <= 0:
        return "the same bits only: no limit applies"
    rest = "; the exact comparisons would still fail" if len(stateable) < len(failing) else ""
    return f"with --rtol 0 --atol {at_least(max(stateable))}{rest}"


def skips_by_reason(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Gather skipped checks by their reason: most runs leave out whole families, for one reason each."""
    by_reason: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status is Status.SKIP:
            by_reason.setdefault(headline(verdict), []).append(verdict)
    return by_reason


def headline(verdict: Verdict) -> str:
    """Return a verdict in one sentence: a skip says why, and what broke is said with its reason."""
    if verdict.status is Status.SKIP:
        return verdict.reason or "no reason was given"
    return (
        f"{verdict.message.rstrip('.')}: {verdict.reason}"
        if verdict.status is Status.ERROR and verdict.reason
        else verdict.message
    )


def ending(report: Report) -> str:
    """Return what comes of the whole run, after the outcome's own word: counts, seconds, exit code."""
    amounts = Counter(verdict.status for verdict in report.verdicts)
    named = (
        count(amounts[status], name, "errors" if status is Status.ERROR else name)
        for status, name in _COUNTED.items()
        if amounts[status]
    )
    strict = "; warnings count as failures" if report.fail_on == "warn" and amounts[Status.WARN] else ""
    unasked = "".join(f"; {verdict.code} is required and was skipped" for verdict in report.unanswered[:1])
    zero = " (--exit-zero)" if report.exit_zero and report.outcome == "inconsistent" else ""
    return f"{', '.join(named) or 'no check ran'} in {report.elapsed_s:.1f} s, exit {report.exit_code}{zero}{strict}{unasked}"
