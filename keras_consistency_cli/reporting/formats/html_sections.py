"""The content of the HTML report: header, causes and checks, as texts and charts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.parts.cause_details import impact_texts
from keras_consistency_cli.reporting.parts.check_table import STATUS_MARKS
from keras_consistency_cli.reporting.parts.depth_chart import DepthChart, build_depth_chart
from keras_consistency_cli.reporting.parts.drift import Drift, build_drift
from keras_consistency_cli.reporting.parts.histogram_chart import Histogram, build_histogram
from keras_consistency_cli.reporting.parts.number_format import (
    escape,
    format_distance,
    format_number,
    format_values,
    one_line,
)
from keras_consistency_cli.reporting.parts.subject_texts import model_text, noise_text, rows_text
from keras_consistency_cli.reporting.parts.verdict_summary import (
    DETAILED,
    FURTHER_PAIRS,
    OUTCOMES,
    STATUS_OF_SEVERITY,
    Figures,
    compared_text,
    decisions_text,
    decisive_comparison,
    difference_text,
    find_causes,
    format_figures,
    offered_limit,
    pair_text,
    row_list,
    run_summary,
    short_headline,
    sort_diagnoses,
    sort_verdicts,
    sort_worst_first,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["Cause", "Check", "Header", "list_causes", "list_checks"]

_OUTCOME_MARKS = {"consistent": "✓", "inconsistent": "✗", "no-verdict": "?"}
_MOST_NOTES, _MOST_SETTINGS = 20, 60
_LONGEST_SETTING = 300
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of lines of advice: prose, or code that keeps its indentation."""

    code: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """What stands before and after the causes and the checks."""

    version: str
    outcome: str
    word: str
    mark: str
    ending: str
    model: str
    subject: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    drift: Drift | None
    environment: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    reproduce: str

    @classmethod
    def of(cls, report: Report) -> Header:
        """Return the header of a report."""
        document = as_document(report)
        notes = [*(report.facts.notes if report.facts else ()), *report.notes]
        return cls(
            version=one_line(report.version),
            outcome=report.outcome,
            word=OUTCOMES[report.outcome],
            mark=_OUTCOME_MARKS[report.outcome],
            ending=run_summary(report),
            model=one_line(report.model.path),
            subject=tuple(_subject(report)),
            notes=tuple(one_line(note) for note in notes[:_MOST_NOTES]),
            drift=build_drift(report),
            environment=_value_list(document["environment"]),
            settings=_value_list(document["subject"]["settings"]),
            reproduce=escape(report.reproduce, 2000),
        )


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One diagnosis."""

    diagnosis: Diagnosis
    status: str
    mark: str
    rows: str
    impact: tuple[str, ...]
    advice: tuple[Run, ...]
    depth: DepthChart | None


@dataclass(frozen=True, kw_only=True)
class Details:
    """What a check found that did not pass, and the next step."""

    facts: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    histogram: Histogram | None
    causes: tuple[str, ...]
    advice: tuple[Run, ...]
    reproducer: str
    """The command that shows this failure only."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One verdict; `details` is None if it passed."""

    verdict: Verdict
    mark: str
    headline: str
    figures: Figures | None
    details: Details | None


# The header.


def _subject(report: Report) -> Iterator[tuple[str, str]]:
    facts = report.facts
    if facts:
        yield "model", model_text(facts)
        devices = ", ".join(facts.devices)
        yield "runs on", f"Keras {facts.keras} on {facts.backend} {facts.backend_version}, {devices}"
    if report.scaler:
        yield "scaler", f"{report.scaler.path}: {report.scaler.summary}"
    yield "rows", rows_text(report)
    if report.noise:
        yield "rounding noise", noise_text(report.noise)
    if report.model.sha256:
        yield "SHA-256", report.model.sha256


def _value_list(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Values by name, if they are set: texts as they are, all others as JSON."""
    present = [(name, value) for name, value in values.items() if value not in (None, [], {}, "")]
    return tuple(
        (one_line(name.replace("_", " "), 80), one_line(_value_text(value), _LONGEST_SETTING))
        for name, value in present[:_MOST_SETTINGS]
    )


def _value_text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(_without_nulls(value))


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}


# Causes and checks.


def list_causes(report: Report) -> Iterator[Cause]:
    """Yield the causes, those of failures first."""
    for diagnosis in sort_diagnoses(report.diagnoses):
        status = STATUS_OF_SEVERITY[diagnosis.severity]
        yield Cause(
            diagnosis=diagnosis,
            status=status.value,
            mark=STATUS_MARKS[status],
            rows=row_list(diagnosis.rows),
            impact=tuple(impact_texts(diagnosis.damage)),
            advice=_runs(diagnosis.advice),
            depth=build_depth_chart(diagnosis.depth),
        )


def list_checks(report: Report) -> Iterator[Check]:
    """Yield the checks that were not skipped, failing first."""
    for verdict in sort_verdicts(report.verdicts):
        if verdict.status is Status.SKIP:
            continue
        judged = decisive_comparison(verdict)
        yield Check(
            verdict=verdict,
            mark=STATUS_MARKS[verdict.status],
            headline=short_headline(verdict, _LONGEST_MESSAGE),
            figures=format_figures(report, judged) if judged else None,
            details=_details(report, verdict, judged) if verdict.status in DETAILED else None,
        )


def _details(report: Report, verdict: Verdict, judged: Judged | None) -> Details:
    causes = tuple(diagnosis.cause for diagnosis in find_causes(report, verdict))
    return Details(
        facts=tuple(_facts(report, verdict, judged)) if judged else (),
        rows=tuple(_worst_rows(judged)) if judged else (),
        histogram=build_histogram(judged, report.noise) if judged else None,
        causes=causes,
        advice=() if causes else _runs(verdict.advice or f"kcheck explain {verdict.code}"),
        reproducer=report.reproducers.get(verdict.code, ""),
    )


def _facts(report: Report, verdict: Verdict, judged: Judged) -> Iterator[tuple[str, str]]:
    failing = [each for each in sort_worst_first(verdict.judged) if not each.within]
    further = failing[1 : 1 + FURTHER_PAIRS]
    more = len(failing) - 1 - len(further)
    pairs = [pair_text(report, each) for each in further] + ([f"and {more} more"] if more > 0 else [])
    texts = {
        "compared": compared_text(report, judged),
        "decided by": judged.reason,
        "difference": difference_text(judged.comparison),
        "decisions": decisions_text(judged.comparison),
        "would pass": offered_limit(report, verdict) if verdict.status is Status.FAIL else "",
        "also failed": "; ".join(pairs),
    }
    yield from ((label, text) for label, text in texts.items() if text)


def _worst_rows(judged: Judged) -> Iterator[tuple[str, ...]]:
    for worst in judged.comparison.worst:
        index = str(list(worst.index))
        cells = [f"{worst.row:,}", index, *format_values(worst), format_distance(worst.distance)]
        if judged.comparison.decision:
            cells += [format_number(worst.margin), "yes" if worst.flipped else "no"]
        yield tuple(cells)


def _runs(advice: str) -> tuple[Run, ...]:
    """Split advice into prose and code: indented lines are code."""
    runs: list[tuple[bool, list[str]]] = []
    for line in advice.expandtabs(4).strip("\n").splitlines():
        is_code = line.startswith(" ") if line.strip() else bool(runs and runs[-1][0])
        if not runs or runs[-1][0] != is_code:
            runs.append((is_code, []))
        runs[-1][1].append(escape(line))
    return tuple(
        Run(code=is_code, text=_without_margin(lines) if is_code else " ".join(lines))
        for is_code, lines in runs
    )


def _without_margin(lines: list[str]) -> str:
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)
