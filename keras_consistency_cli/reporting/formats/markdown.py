"""Markdown for GitHub's step summary and for comments: result, causes, checks, details.

Text from a model, a file or a user is escaped or fenced. It can neither format, link, mention anyone nor
close a fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.refusals import refusal_text
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.parts.blocks import details
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import code_text
from keras_consistency_cli.reporting.parts.number_format import NO_NUMBER, escape, one_line
from keras_consistency_cli.reporting.parts.verdict_summary import (
    DETAILED,
    OUTCOMES,
    decisive_comparison,
    format_figures,
    run_summary,
    short_headline,
    sort_diagnoses,
    sort_verdicts,
)
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import format_count

__all__ = [
    "OUTCOME_SIGNS",
    "code_span",
    "escape_markdown",
    "fence_code",
    "refuse_markdown",
    "render_markdown",
]

OUTCOME_SIGNS = {"consistent": "✅", "inconsistent": "❌", "no-verdict": "❔"}
"""A sign for each verdict of a run."""
_STATUS_SIGNS = {
    Status.FAIL: "❌",
    Status.ERROR: "❔",
    Status.WARN: "⚠️",
    Status.PASS: "✅",
    Status.SKIP: "⏭️",
}
_ACTIVE = re.compile(r"[\\`*{}\[\]<>|~&$]|(?<!\w)_|_(?!\w)")
_LINKING = re.compile(r"(?<!&)([@#])(?=\w)|(:)(?=//)|\b(www)(?=\.)")
_TITLES = ("", "code", "check", "deviation", "× noise", "limit", "rows", "")
_LONGEST_MESSAGE = 300


def render_markdown(report: Report, canvas: Canvas) -> str:
    """Return GitHub-flavoured Markdown; the canvas is not used."""
    parts = [
        f"## {OUTCOME_SIGNS[report.outcome]} kcheck: {OUTCOMES[report.outcome]}",
        f"{code_span(report.model.path)}: {escape_markdown(run_summary(report))}. {_rows_text(report)}",
        *(f"- {escape_markdown(note)}" for note in report.notes),
    ]
    for diagnosis in sort_diagnoses(report.diagnoses):
        parts += _cause(diagnosis)
    parts += ["### Checks", _table(report)] if report.verdicts else []
    parts += [
        _folded_details(report, verdict)
        for verdict in sort_verdicts(report.verdicts)
        if verdict.status in DETAILED
    ]
    if report.reproduce and report.exit_code:
        parts += ["Run again:", fence_code(escape(report.reproduce, 2000), "console")]
    return "\n\n".join(parts) + "\n"


def refuse_markdown(version: str, model: str, refusal: KcheckError) -> str:
    """Return a heading and the refusal: the model was refused, or nothing could be decided."""
    is_refused = refusal.exit_code == 1
    sign = OUTCOME_SIGNS["inconsistent" if is_refused else "no-verdict"]
    text = "\n".join(escape(line) for line in refusal_text(refusal).splitlines())
    heading = f"## {sign} kcheck: {'refused' if is_refused else 'no verdict'}"
    return f"{heading}\n\n{code_span(model)}\n\n{fence_code(text, 'text')}\n"


def _rows_text(report: Report) -> str:
    if report.generated:
        return f"{format_count(report.rows, 'row')} generated from the input spec."
    return (
        f"{report.rows:,} of {format_count(report.rows_available, 'row')} of {code_span(report.data.path)}."
    )


def _cause(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"### Cause: {escape_markdown(diagnosis.cause, 60)} ({diagnosis.confidence})"
    layer = f" Layer {code_span(diagnosis.layer)}." if diagnosis.layer else ""
    codes = ", ".join(code_span(code) for code in diagnosis.explains)
    explains = f" Explains {codes}." if codes else ""
    yield f"**What:** {escape_markdown(diagnosis.sentence.rstrip('.'))}.{layer}{explains}"
    if diagnosis.code:
        yield f"**Code:** {code_span(code_text(diagnosis))}."
    if diagnosis.confirmation:
        label = "Confirmed" if diagnosis.confidence == "confirmed" else "Not certain"
        yield f"**{label}:** {escape_markdown(diagnosis.confirmation)}."
    if diagnosis.advice:
        yield "Fix:"
        yield fence_code(
            "\n".join(escape(line) for line in diagnosis.advice.strip("\n").splitlines()), "text"
        )


def _table(report: Report) -> str:
    rows = [_table_row(_TITLES), "|---|---|---|--:|--:|--:|--:|---|"]
    rows += [_table_row(_cells(report, verdict)) for verdict in sort_verdicts(report.verdicts)]
    return "\n".join(rows)


def _cells(report: Report, verdict: Verdict) -> tuple[str, ...]:
    judged = decisive_comparison(verdict)
    figures = format_figures(report, judged) if judged else None
    numbers = (
        [figures.deviation, figures.multiple, figures.limit, figures.rows] if figures else [NO_NUMBER] * 4
    )
    is_silent = figures is not None and verdict.status is Status.PASS
    message = "" if is_silent else escape_markdown(short_headline(verdict, _LONGEST_MESSAGE))
    status = f"{_STATUS_SIGNS[verdict.status]} {verdict.status.value.upper()}"
    code, name = escape_markdown(verdict.code, 12), escape_markdown(verdict.name, 60)
    return status, code, name, *numbers, message


def _table_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _folded_details(report: Report, verdict: Verdict) -> str:
    status = f"{_STATUS_SIGNS[verdict.status]} {verdict.status.value.upper()}"
    title = f"{status} {escape_markdown(verdict.code, 12)} {escape_markdown(verdict.name, 60)}"
    text = fence_code(details(report, verdict).rstrip(), "text")
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def escape_markdown(text: object, limit: int = 600) -> str:
    """Return text that stays text in paragraphs, tables and summaries.

    An empty comment prevents mentions, issue numbers and addresses from becoming links.
    """
    entities = _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", one_line(text, limit))
    return _LINKING.sub(lambda match: f"{match[0]}<!-- -->", entities)


def code_span(text: object) -> str:
    """Return a code span, with a fence longer than any run of backticks in it; not for tables."""
    line = one_line(text, 200) or " "
    fence = "`" * (1 + _longest_run(line))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def fence_code(text: str, language: str) -> str:
    """Return a code block, with a fence longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + _longest_run(text))
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
