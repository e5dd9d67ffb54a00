"""The concise report: one line per cause and check, which begins with its status."""

from __future__ import annotations

from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import code_text
from keras_consistency_cli.reporting.parts.number_format import NO_NUMBER, one_line, to_ascii
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    decisive_comparison,
    format_figures,
    headline,
    run_summary,
    sort_diagnoses,
    sort_verdicts,
)
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import format_count

__all__ = ["concise_line", "render_concise"]


def render_concise(report: Report, canvas: Canvas) -> str:
    """Return the report as lines that are neither wrapped nor coloured."""
    lines = [_cause_line(diagnosis) for diagnosis in sort_diagnoses(report.diagnoses)]
    lines += [concise_line(report, verdict) for verdict in sort_verdicts(report.verdicts)]
    lines.append(f"{OUTCOMES[report.outcome]}: {one_line(report.model.path)}: {run_summary(report)}")
    text = "\n".join(lines) + "\n"
    return to_ascii(text) if canvas.ascii_only else text


def concise_line(report: Report, verdict: Verdict) -> str:
    """Return one line: status, code, name, message and numbers.

    Example: FAIL KC103 companion-swap: message [deviation 0.49, limit exact, 174 rows, worst row 31]
    """
    check = f"{one_line(verdict.code, 12)} {one_line(verdict.name, 60)}"
    line = f"{verdict.status.value.upper()} {check}: {one_line(headline(verdict))}"
    judged = decisive_comparison(verdict)
    if judged is None:
        return line
    figures, worst = format_figures(report, judged), judged.comparison.worst
    limit = "" if figures.limit == NO_NUMBER else f", limit {figures.limit}"
    row = f", worst row {worst[0].row}" if worst else ""
    rows = format_count(judged.comparison.rows, "row")
    return f"{line} [deviation {figures.deviation}{limit}, {rows}{row}]"


def _cause_line(diagnosis: Diagnosis) -> str:
    layer = f" at {diagnosis.layer}" if diagnosis.layer else ""
    cause = f"{diagnosis.cause}{layer} ({diagnosis.confidence}, {', '.join(diagnosis.explains)})"
    places = f"; {code_text(diagnosis)}" if diagnosis.code else ""
    return f"CAUSE {one_line(cause, 200)}: {one_line(diagnosis.sentence + places)}"
