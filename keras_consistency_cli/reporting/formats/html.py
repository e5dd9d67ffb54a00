"""The HTML report: one file that needs no network and no script, for screens of any width, light and dark, and for paper.

Everything is escaped by the template engine; texts go through the same cleaning as in every other report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.json_report import as_document
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.charts import (
    HEIGHT,
    WIDTH,
    AlongDepth,
    Histogram,
    along_depth,
    histogram,
)
from keras_consistency_cli.reporting.parts.drift import REACH, Drift, drift
from keras_consistency_cli.reporting.parts.noise_multiple import worst_first
from keras_consistency_cli.reporting.parts.number_format import both_values, count, number, one_line, spelled
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    Figures,
    apart,
    by_severity,
    causes_of,
    ending,
    figures,
    flips,
    headline,
    pair,
    rows_named,
    skips_by_reason,
    sorted_verdicts,
    telling,
    would_pass,
)
from keras_consistency_cli.reporting.report import Report

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["LARGEST_PAGE", "refuse_html", "render_html"]

LARGEST_PAGE = 200_000
"""Bytes."""

_MARKS = {Status.FAIL: "✗", Status.ERROR: "?", Status.WARN: "!", Status.PASS: "✓", Status.SKIP: "-"}
_OUTCOME_MARKS = {"consistent": "✓", "inconsistent": "✗", "no-verdict": "?"}
_TOLD = (Status.FAIL, Status.ERROR, Status.WARN)
_MOST_NOTES, _MOST_SETTINGS = 20, 60
_LONGEST_SETTING = 300
_MOST_TOLD = (64, 16, 4, 1, 0)


def render_html(report: Report, canvas: Canvas) -> str:
    """Return the page, at most 200 KB: where there is more to tell, the worst is told in full; the canvas is of no consequence."""
    summary, causes, checks = _Summary.of(report), list(_causes(report)), list(_checks(report))
    found, skips = [check for check in checks if check.found], skips_by_reason(report.verdicts)
    for most in _MOST_TOLD:
        told, left_out = found[:most], max(len(causes) - most, 0) + max(len(found) - most, 0)
        linked = {check.verdict.code for check in told}
        page = _filled(
            "report.html",
            report=summary,
            causes=causes[:most],
            checks=checks,
            found=told,
            linked=linked,
            skips=skips,
            left_out=left_out,
        )
        if len(page.encode("utf-8", "backslashreplace")) <= LARGEST_PAGE:
            break
    return page


def refuse_html(version: str, model: str, refusal: KcheckError) -> str:
    """Return a page with the refusal: the model was refused, or nothing could be decided."""
    outcome = "inconsistent" if refusal.exit_code == 1 else "no-verdict"
    told = [one_line(line) for line in str(refusal).splitlines()]
    return _filled(
        "refusal.html",
        version=one_line(version),
        model=one_line(model),
        outcome=outcome,
        refused=refusal.exit_code == 1,
        told=told,
    )


@dataclass(frozen=True, kw_only=True)
class _Summary:
    """What stands around the causes and the checks."""

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
    def of(cls, report: Report) -> _Summary:
        document = as_document(report)
        notes = [*(report.facts.notes if report.facts else ()), *report.notes]
        return cls(
            version=one_line(report.version),
            outcome=report.outcome,
            word=OUTCOMES[report.outcome],
            mark=_OUTCOME_MARKS[report.outcome],
            ending=ending(report),
            model=one_line(report.model.path),
            subject=tuple(_subject(report)),
            notes=tuple(one_line(note) for note in notes[:_MOST_NOTES]),
            drift=drift(report),
            environment=_listed(document["environment"]),
            settings=_listed(document["subject"]["settings"]),
            reproduce=spelled(report.reproduce, 2000),
        )


@dataclass(frozen=True, kw_only=True)
class _Cause:
    """One diagnosis; `advice` is runs of (is it code, text)."""

    diagnosis: Diagnosis
    status: str
    rows: str
    damage: str
    advice: tuple[tuple[bool, str], ...]
    depth: AlongDepth | None


@dataclass(frozen=True, kw_only=True)
class _Check:
    """One verdict; `found` is None where the table says everything."""

    verdict: Verdict
    mark: str
    headline: str
    figures: Figures | None
    found: _Found | None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a check that did not pass found, and the next step."""

    facts: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    histogram: Histogram | None
    causes: tuple[str, ...]
    advice: tuple[tuple[bool, str], ...]
    alone: str
    """The command that shows this failure and nothing else."""


def _subject(report: Report) -> Iterator[tuple[str, str]]:
    facts = report.facts
    if facts:
        yield (
            "model",
            f"{facts.kind}, {count(len(facts.layers), 'layer')}, {count(facts.parameters, 'parameter')}",
        )
        yield (
            "runs on",
            f"Keras {facts.keras} on {facts.backend} {facts.backend_version}, {', '.join(facts.devices)}",
        )
    if report.scaler:
        yield "scaler", f"{report.scaler.path}: {report.scaler.summary}"
    made = f"{count(report.rows, 'row')} made from the model's inputs" + (
        f": {report.data.summary}" if report.data.summary else ""
    )
    yield (
        "rows",
        made
        if report.generated
        else f"{report.rows:,} of {count(report.rows_available, 'row')} of {report.data.path}",
    )
    if report.noise:
        several = len(report.noise) > 1
        yield (
            "rounding noise",
            ", ".join(
                f"{name} {number(value)}" if several else number(value)
                for name, value in report.noise.items()
            ),
        )
    if report.model.sha256:
        yield "SHA-256", report.model.sha256


def _listed(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Values by name, those that are set: words as they are, all others as JSON."""
    given = [(name, value) for name, value in values.items() if value not in (None, [], {}, "")]
    return tuple(
        (one_line(name.replace("_", " "), 80), one_line(_value(value), _LONGEST_SETTING))
        for name, value in given[:_MOST_SETTINGS]
    )


def _value(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(_without_nulls(value))


def _without_nulls(value: Any) -> Any:
    return (
        {name: _without_nulls(item) for name, item in value.items() if item is not None}
        if isinstance(value, dict)
        else value
    )


def _causes(report: Report) -> Iterator[_Cause]:
    for diagnosis in by_severity(report.diagnoses):
        yield _Cause(
            diagnosis=diagnosis,
            status={"fail": "fail", "warn": "warn", "info": "skip"}[diagnosis.severity],
            rows=rows_named(diagnosis.rows),
            damage=_damage(diagnosis.damage),
            advice=_runs(diagnosis.advice),
            depth=along_depth(diagnosis.depth),
        )


def _damage(damage: Any) -> str:
    """How many rows a cause hits, and how many decisions it flips, where the diagnosis knows."""
    if damage is None:
        return ""
    flipped = f"; {damage.flipped:,} of {count(damage.decisions, 'decision')} flip" if damage.flipped else ""
    return f"{damage.rows_hit:,} of {count(damage.rows, 'row')} hit{flipped}"


def _checks(report: Report) -> Iterator[_Check]:
    for verdict in sorted_verdicts(report.verdicts):
        if verdict.status is Status.SKIP:
            continue
        judged = telling(verdict)
        yield _Check(
            verdict=verdict,
            mark=_MARKS[verdict.status],
            headline=headline(verdict),
            figures=figures(report, judged) if judged else None,
            found=_found(report, verdict, judged) if verdict.status in _TOLD else None,
        )


def _found(report: Report, verdict: Verdict, judged: Judged | None) -> _Found:
    causes = tuple(diagnosis.cause for diagnosis in causes_of(report, verdict))
    return _Found(
        facts=tuple(_evidence(report, verdict, judged)) if judged else (),
        rows=tuple(_worst_rows(judged)) if judged else (),
        histogram=histogram(judged, report.noise) if judged else None,
        causes=causes,
        advice=() if causes else _runs(verdict.advice or f"kcheck explain {verdict.code}"),
        alone=report.reproducers.get(verdict.code, ""),
    )


def _evidence(report: Report, verdict: Verdict, judged: Judged) -> Iterator[tuple[str, str]]:
    failing = [one for one in worst_first(verdict.judged) if not one.within]
    told = {
        "compared": pair(report, judged, "the reference "),
        "decided by": judged.reason,
        "apart": apart(judged.comparison),
        "decisions": flips(judged.comparison),
        "would pass": would_pass(failing) if failing and verdict.status is Status.FAIL else "",
        "also failed": "; ".join(pair(report, one) for one in failing[1:4])
        + (f"; and {len(failing) - 4} more" if len(failing) > 4 else ""),
    }
    yield from ((name, words) for name, words in told.items() if words)


def _worst_rows(judged: Judged) -> Iterator[tuple[str, ...]]:
    for worst in judged.comparison.worst:
        values = f"{worst.row:,}", str(list(worst.index)), *both_values(worst), number(worst.distance)
        decided = (
            (number(worst.margin), "yes" if worst.flipped else "no") if judged.comparison.decision else ()
        )
        yield (*values, *decided)


def _runs(advice: str) -> tuple[tuple[bool, str], ...]:
    """Split advice into runs of prose and of code: indented lines are code, and keep their indent among each other."""
    runs: list[tuple[bool, list[str]]] = []
    for line in advice.expandtabs(4).strip("\n").splitlines():
        code = line.startswith(" ") if line.strip() else bool(runs and runs[-1][0])
        if not runs or runs[-1][0] != code:
            runs.append((code, []))
        runs[-1][1].append(spelled(line))
    return tuple((code, _outdented(lines) if code else " ".join(lines)) for code, lines in runs)


def _outdented(lines: list[str]) -> str:
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def _filled(template: str, **values: Any) -> str:
    return (
        _environment()
        .get_template(template)
        .render(**values, chart={"width": WIDTH, "height": HEIGHT, "reach": REACH})
        + "\n"
    )


@cache
def _environment() -> Environment:
    """The template engine, imported only where a page is asked for."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    engine = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    engine.filters["line"] = one_line
    return engine
