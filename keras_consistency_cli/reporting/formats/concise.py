"""The concise report: one line a cause and one line a check, failing first, each beginning with its status, for grep and for eyes."""

from __future__ import annotations

from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import NOTHING, one_line, plain
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

__all__ = ["concise_line", "render_concise"]


def render_concise(report: Report, canvas: Canvas) -> str:
    """Return the report as lines that are never wrapped nor coloured."""
    lines = [_cause_line(diagnosis) for diagnosis in by_severity(report.diagnoses)]
    lines += [concise_line(report, verdict) for verdict in sorted_verdicts(report.verdicts)]
    lines.append(f"{OUTCOMES[report.outcome]}: {one_line(report.model.path)}: {ending(report)}")
    text = "\n".join(lines) + "\n"
    return plain(text) if canvas.ascii_only else text


def concise_line(report: Report, verdict: Verdict) -> str:
    """Return "FAIL KC103 companion-swap: message [deviation 0.49, limit exact, 174 rows, worst row 31]"."""
    line = f"{verdict.status.value.upper()} {one_line(verdict.code, 12)} {one_line(verdict.name, 60)}: {one_line(headline(verdict))}"
    judged = telling(verdict)
    if judged is None:
        return line
    shown, worst = figures(report, judged), judged.comparison.worst
    limit = "" if shown.limit == NOTHING else f", limit {shown.limit}"
    row = f", worst row {worst[0].row}" if worst else ""
    return f"{line} [deviation {shown.deviation}{limit}, {shown.rows} rows{row}]"


def _cause_line(diagnosis: Diagnosis) -> str:
    place = f" at {diagnosis.layer}" if diagnosis.layer else ""
    named = f"{diagnosis.cause}{place} ({diagnosis.confidence}, {', '.join(diagnosis.explains)})"
    return f"CAUSE {one_line(named, 200)}: {one_line(diagnosis.sentence)}"
