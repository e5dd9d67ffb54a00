"""Texts that all reports share: differences, limits that pass, the result of the run."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.rounding import noise_multiple
from keras_consistency_cli.reporting.parts.number_format import (
    NO_NUMBER,
    format_deviation,
    format_number,
    round_up,
)
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.routes.scaling.scaling import SCALING_ROUTES
from keras_consistency_cli.text import format_count

__all__ = [
    "DETAILED",
    "FURTHER_PAIRS",
    "OUTCOMES",
    "STATUS_OF_SEVERITY",
    "Figures",
    "compared_text",
    "decisions_text",
    "decisive_comparison",
    "difference_text",
    "find_causes",
    "format_figures",
    "group_errors",
    "group_skips",
    "headline",
    "offered_limit",
    "pair_text",
    "passing_limit",
    "row_list",
    "run_summary",
    "short_headline",
    "shorter_messages",
    "sort_diagnoses",
    "sort_verdicts",
    "sort_worst_first",
]

OUTCOMES = {"consistent": "consistent", "inconsistent": "inconsistent", "no-verdict": "no verdict"}
DETAILED = (Status.FAIL, Status.ERROR, Status.WARN)
"""Verdicts that reports show in detail."""
STATUS_OF_SEVERITY = {"fail": Status.FAIL, "warn": Status.WARN, "info": Status.SKIP}
"""The status by which a cause is marked."""
FURTHER_PAIRS = 3
"""Most pairs that are named after the worst one."""
_STATUS_WORDS = {
    Status.FAIL: "failed",
    Status.ERROR: "error",
    Status.WARN: "warned",
    Status.PASS: "passed",
    Status.SKIP: "skipped",
}
_ORDER = tuple(_STATUS_WORDS)
_SEVERITIES = ("fail", "warn", "info")
_LISTED_ROWS, _SAME_ERROR = 8, 80
"""The second are the characters by which errors are compared."""
_ALWAYS_EXACT = {(pair.candidate, pair.reference) for check in CHECKS for pair in check.pairs if pair.exact}
"""Pairs that no stated limit applies to."""
_DIFFERENT_ROWS = frozenset(("served", *(route.name for route in SCALING_ROUTES)))
"""Routes that feed different rows to the model: no limit on its outputs makes these rows right."""

_ENDS = tuple(re.compile(rf"{mark}(?= )") for mark in (r"\.", ";", ","))
"""Ends of a sentence, a clause and a phrase."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A comparison as texts; `multiple` is the deviation in multiples of rounding noise."""

    deviation: str
    multiple: str
    limit: str
    rows: str


# Order.


def sort_verdicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sort verdicts failing first, skipped last, and by the order of the checks within."""
    return sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.status))


def sort_diagnoses(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Sort causes of failures before those of warnings, and notes last."""
    return sorted(diagnoses, key=lambda diagnosis: _SEVERITIES.index(diagnosis.severity))


def sort_worst_first(judged: Iterable[Judged]) -> tuple[Judged, ...]:
    """Sort comparisons by their share of the limit, those beyond it before all others."""
    return tuple(
        sorted(judged, key=lambda each: (each.within, -_share_of_limit(each), -each.comparison.max_abs))
    )


def _share_of_limit(judged: Judged) -> float:
    comparison, deviation, limit = judged.comparison, judged.deviation, judged.limit.value
    if comparison.misshapen or comparison.nonfinite or math.isnan(deviation) or math.isnan(limit):
        return math.inf
    if limit <= 0:
        return math.inf if deviation else 0.0
    return deviation / limit


# What belongs to a verdict.


def find_causes(report: Report, verdict: Verdict) -> list[Diagnosis]:
    """Return the causes that explain a verdict."""
    return [diagnosis for diagnosis in report.diagnoses if verdict.code in diagnosis.explains]


def decisive_comparison(verdict: Verdict) -> Judged | None:
    """Return the worst comparison; None if it is not the reason why the check failed."""
    worst = next(iter(sort_worst_first(verdict.judged)), None)
    if worst is not None and worst.within and verdict.status in (Status.FAIL, Status.ERROR):
        return None
    return worst


def group_skips(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Group skipped checks by reason: most runs skip whole families, each for one reason."""
    by_reason: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status is Status.SKIP:
            by_reason.setdefault(headline(verdict), []).append(verdict)
    return by_reason


def group_errors(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Group checks that ended with the same error in their routes; each other check is a group of its own."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        # Before an error stand the names of the routes that ended with it, and after it other errors.
        error = (verdict.reason or "").partition(": ")[2] if verdict.status is Status.ERROR else ""
        groups.setdefault(error[:_SAME_ERROR] or verdict.code, []).append(verdict)
    return list(groups.values())


def headline(verdict: Verdict) -> str:
    """Return a verdict in one sentence: message, reason of a skip, or both for an error."""
    if verdict.status is Status.SKIP:
        return verdict.reason or "no reason was given"
    if verdict.status is Status.ERROR and verdict.reason:
        return f"{verdict.message.rstrip('.')}: {verdict.reason}"
    return verdict.message


def short_headline(verdict: Verdict, longest: int) -> str:
    """Return the headline, or the longest shorter form that is not too long."""
    whole = headline(verdict)
    return next((form for form in shorter_messages(whole) if len(form) <= longest), whole[:longest])


def shorter_messages(message: str) -> Iterator[str]:
    """Yield the message, then shorter forms that end with a sentence, clause or phrase."""
    yield message
    for end in _ENDS:
        for match in reversed(list(end.finditer(message))):
            yield f"{message[: match.start()]} …"


# Numbers in words.


def format_figures(report: Report, judged: Judged) -> Figures:
    """Return the numbers of one comparison as people read them."""
    comparison, limit = judged.comparison, judged.limit
    is_measured = not comparison.misshapen and not comparison.nonfinite
    is_greatest = limit.measure == "greatest" or not is_measured
    noise = report.noise.get(comparison.output) if is_measured and is_greatest else None
    limit_text = "exact" if limit.origin == "exact" else format_number(limit.value)
    return Figures(
        deviation=format_deviation(comparison) if is_greatest else format_number(judged.deviation),
        multiple=format_number(noise_multiple(comparison, noise)),
        limit=limit_text if is_measured else NO_NUMBER,
        rows=f"{comparison.rows:,}",
    )


def pair_text(report: Report, judged: Judged) -> str:
    """Name the two routes, and the output if the model has several."""
    comparison = judged.comparison
    return f"{comparison.candidate} vs {comparison.reference}{_output_text(report, comparison)}"


def compared_text(report: Report, judged: Judged) -> str:
    """Say which route was compared with which reference, and name one of several outputs."""
    comparison = judged.comparison
    output = _output_text(report, comparison)
    return f"{comparison.candidate} with the reference {comparison.reference}{output}"


def _output_text(report: Report, comparison: Comparison) -> str:
    outputs = report.facts.outputs if report.facts else report.noise
    return f", output '{comparison.output}'" if len(outputs) > 1 else ""


def difference_text(comparison: Comparison) -> str:
    """Say how much two routes differ; empty if their shapes differ."""
    if comparison.misshapen:
        return ""
    rows = format_count(comparison.rows, "row")
    if not comparison.rows_differing:
        return f"none in {rows}"
    rows = f"in {comparison.rows_differing:,} of {rows}"
    if not comparison.nonfinite:
        return f"at most {format_number(comparison.max_abs)}, {rows}"
    values = format_count(comparison.nonfinite, "value is", "values are")
    largest = format_number(comparison.max_abs)
    others = f"the others differ by at most {largest}" if comparison.max_abs else "the others are equal"
    return f"{values} NaN or infinite in only one of the two results, {others}, {rows}"


def decisions_text(comparison: Comparison) -> str:
    """Say how many decisions changed; empty if none did."""
    if not comparison.flipped:
        return ""
    decisions = format_count(comparison.flipped, "decision")
    return f"{decisions} changed ({comparison.decision}) in {format_count(comparison.rows, 'row')}"


def row_list(rows: Sequence[int]) -> str:
    """List the first rows, and count the others."""
    more = len(rows) - _LISTED_ROWS
    return ", ".join(map(str, rows[:_LISTED_ROWS])) + (f" and {more:,} more" if more > 0 else "")


def offered_limit(report: Report, verdict: Verdict) -> str:
    """Return the limit that would let a failure pass if it is only rounding, else an empty text.

    A limit that is wide enough for a fault is no advice.
    """
    is_rounding = any(diagnosis.cause == "rounding" for diagnosis in find_causes(report, verdict))
    failing = [judged for judged in verdict.judged if not judged.within]
    return passing_limit(failing) if failing and is_rounding else ""


def passing_limit(failing: Sequence[Judged]) -> str:
    """Return the smallest stated limit that lets all of these pass, or why no limit does.

    It is empty if the model was fed different rows: the limit is then not what is wrong.
    """
    comparisons = [judged.comparison for judged in failing]
    if any(each.candidate in _DIFFERENT_ROWS for each in comparisons):
        return ""
    if any(each.misshapen for each in comparisons):
        return "no limit lets outputs of different shapes pass"
    if any(each.nonfinite for each in comparisons):
        return "no limit lets NaN or infinity in only one of the two results pass"
    stateable = [
        each.max_abs for each in comparisons if (each.candidate, each.reference) not in _ALWAYS_EXACT
    ]
    if not stateable or max(stateable) <= 0:
        return "no limit applies: the same bits are required"
    rest = "; the exact comparisons would still fail" if len(stateable) < len(failing) else ""
    return f"with --rtol 0 --atol {round_up(max(stateable))}{rest}"


def run_summary(report: Report) -> str:
    """Return the result of the whole run, after the outcome: counts, seconds, exit code."""
    amounts = Counter(verdict.status for verdict in report.verdicts)
    counts = (
        format_count(amounts[status], word, "errors" if status is Status.ERROR else word)
        for status, word in _STATUS_WORDS.items()
        if amounts[status]
    )
    parts = [f"{', '.join(counts) or 'no check ran'} in {report.elapsed_s:.1f} s, exit {report.exit_code}"]
    if report.exit_zero and report.outcome == "inconsistent":
        parts.append(" (--exit-zero)")
    if report.fail_on == "warn" and amounts[Status.WARN]:
        parts.append("; warnings count as failures")
    parts += [f"; {verdict.code} is required and was skipped" for verdict in report.unanswered[:1]]
    return "".join(parts)
