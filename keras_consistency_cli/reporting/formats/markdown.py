"""Markdown for GitHub's step summary and for comments: verdict, causes with the change to make, the table of checks, details to unfold.

Whatever a model, a file or a user has named is escaped or fenced: it can neither format, link, mention anybody nor close a fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import NOTHING, count, one_line, spelled
from keras_consistency_cli.reporting.parts.plain_blocks import details
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    by_severity,
    ending,
    figures,
    headline,
    sorted_verdicts,
    telling,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["refuse_markdown", "render_markdown"]

_SIGNS = {"consistent": "✅", "inconsistent": "❌", "no-verdict": "❔"}
_MARKS = {Status.FAIL: "❌", Status.ERROR: "❔", Status.WARN: "⚠️", Status.PASS: "✅", Status.SKIP: "⏭️"}
_TOLD = (Status.FAIL, Status.ERROR, Status.WARN)
_ACTIVE = re.compile(r"[\\`*{}\[\]<>|~&$]|(?<!\w)_|_(?!\w)")
_TITLES = ("", "code", "check", "deviation", "× noise", "limit", "rows", "")


def render_markdown(report: Report, canvas: Canvas) -> str:
    """Return GitHub-flavoured Markdown; the canvas is of no consequence."""
    parts = [
        f"## {_SIGNS[report.outcome]} kcheck: {OUTCOMES[report.outcome]}",
        f"{_code(report.model.path)}: {_escaped(ending(report))}. {_rows(report)}",
        *(f"- {_escaped(note)}" for note in report.notes),
    ]
    for diagnosis in by_severity(report.diagnoses):
        parts += _cause(diagnosis)
    parts += ["### Checks", _table(report)] if report.verdicts else []
    parts += [
        _unfolded(report, verdict) for verdict in sorted_verdicts(report.verdicts) if verdict.status in _TOLD
    ]
    if report.reproduce and report.exit_code:
        parts += ["Run it again:", _fenced(spelled(report.reproduce, 2000), "console")]
    return "\n\n".join(parts) + "\n"


def refuse_markdown(version: str, model: str, refusal: KcheckError) -> str:
    """Return a heading and the refusal: the model was refused, or nothing could be decided."""
    word = "refused" if refusal.exit_code == 1 else "no verdict"
    told = "\n".join(spelled(line) for line in str(refusal).splitlines())
    return f"## {_SIGNS['inconsistent' if refusal.exit_code == 1 else 'no-verdict']} kcheck: {word}\n\n{_code(model)}\n\n{_fenced(told, 'text')}\n"


def _rows(report: Report) -> str:
    if report.generated:
        return f"{count(report.rows, 'row')} made from the model's inputs."
    return f"{report.rows:,} of {count(report.rows_available, 'row')} of {_code(report.data.path)}."


def _cause(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"### Cause: {_escaped(diagnosis.cause, 60)} ({diagnosis.confidence})"
    place = f" Layer {_code(diagnosis.layer)}." if diagnosis.layer else ""
    explains = (
        f" Explains {', '.join(_code(code) for code in diagnosis.explains)}." if diagnosis.explains else ""
    )
    yield f"**What:** {_escaped(diagnosis.sentence)}.{place}{explains}"
    if diagnosis.confirmation:
        yield f"**{'Confirmed' if diagnosis.confidence == 'confirmed' else 'Not certain'}:** {_escaped(diagnosis.confirmation)}."
    if diagnosis.advice:
        yield "To mend:"
        yield _fenced("\n".join(spelled(line) for line in diagnosis.advice.strip("\n").splitlines()), "text")


def _table(report: Report) -> str:
    rows = [_row(_TITLES), "|---|---|---|--:|--:|--:|--:|---|"]
    for verdict in sorted_verdicts(report.verdicts):
        judged = telling(verdict)
        shown = figures(report, judged) if judged else None
        numbers = [shown.deviation, shown.multiple, shown.limit, shown.rows] if shown else [NOTHING] * 4
        said = "" if shown and verdict.status is Status.PASS else _escaped(headline(verdict), 300)
        status = f"{_MARKS[verdict.status]} {verdict.status.value.upper()}"
        rows.append(_row((status, _escaped(verdict.code, 12), _escaped(verdict.name, 60), *numbers, said)))
    return "\n".join(rows)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _unfolded(report: Report, verdict: Verdict) -> str:
    title = f"{_MARKS[verdict.status]} {verdict.status.value.upper()} {_escaped(verdict.code, 12)} {_escaped(verdict.name, 60)}"
    return f"<details><summary>{title}</summary>\n\n{_fenced(details(report, verdict).rstrip(), 'text')}\n\n</details>"


def _escaped(text: object, limit: int = 600) -> str:
    """Text that stays text, in paragraphs, tables and summaries alike; an empty comment keeps mentions, issue numbers and addresses from linking."""
    entities = _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", one_line(text, limit))
    return re.sub(
        r"(?<!&)([@#])(?=\w)|(:)(?=//)|\b(www)(?=\.)", lambda found: f"{found[0]}<!-- -->", entities
    )


def _code(text: object) -> str:
    """A code span, its fence longer than any run of backticks within; not for tables, where a bar would end the cell."""
    line = one_line(text, 200) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
