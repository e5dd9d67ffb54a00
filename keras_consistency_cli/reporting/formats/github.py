"""Workflow commands of GitHub Actions: an annotation per cause and per failed check.

GitHub shows ten annotations of a kind per step, so causes come before the checks that they explain.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.refusals import refusal_text
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import code_text
from keras_consistency_cli.reporting.parts.number_format import escape, one_line, to_ascii
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    find_causes,
    headline,
    run_summary,
    sort_diagnoses,
    sort_verdicts,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["escape_data", "escape_property", "refuse_github", "render_github"]

_COMMANDS = {Status.FAIL: "error", Status.ERROR: "error", Status.WARN: "warning"}
_COMMAND_OF_SEVERITY = {"fail": "error", "warn": "warning", "info": "notice"}
_WIDTH = 100


def render_github(report: Report, canvas: Canvas) -> str:
    """Return annotations, a notice with the result, and the terminal report in a group."""
    lines = render_terminal(report, Canvas(width=_WIDTH, ascii_only=canvas.ascii_only))
    group = f"::group::kcheck {escape_data(one_line(report.model.path))}\n{lines}::endgroup::\n"
    result = _command("notice", report, "kcheck", f"{OUTCOMES[report.outcome]}: {run_summary(report)}")
    text = "".join((*_annotations(report), result, group))
    return to_ascii(text) if canvas.ascii_only else text


def refuse_github(version: str, model: str, refusal: KcheckError) -> str:
    """Return one error annotation: the model was refused, or nothing could be decided."""
    error = refusal_text(refusal)
    text = error if refusal.what.startswith(model) else f"{model}: {error}"
    return f"::error title=kcheck {escape_property(version)}::{escape_data(_escape_lines(text))}\n"


def _annotations(report: Report) -> Iterator[str]:
    for diagnosis in sort_diagnoses(report.diagnoses):
        title = f"{diagnosis.cause} ({', '.join(diagnosis.explains)})"
        command = _COMMAND_OF_SEVERITY[diagnosis.severity]
        yield _command(command, report, title, _cause_text(diagnosis))
    for verdict in sort_verdicts(report.verdicts):
        if verdict.status in _COMMANDS:
            title = f"{verdict.code} {verdict.name}"
            yield _command(_COMMANDS[verdict.status], report, title, _check_text(report, verdict))


def _cause_text(diagnosis: Diagnosis) -> str:
    layer = f" (layer {diagnosis.layer})" if diagnosis.layer else ""
    fix = f"\nfix: {diagnosis.advice}" if diagnosis.advice else ""
    places = f"\ncode: {code_text(diagnosis)}" if diagnosis.code else ""
    return f"{diagnosis.sentence}{layer}{places}{fix}"


def _check_text(report: Report, verdict: Verdict) -> str:
    causes = ", ".join(diagnosis.cause for diagnosis in find_causes(report, verdict))
    if causes:
        return f"{headline(verdict)}\ncause: {causes}"
    return f"{headline(verdict)}\nnext: {verdict.advice or f'kcheck explain {verdict.code}'}"


def _command(name: str, report: Report, title: str, text: str) -> str:
    """Return one command; it names the file if that is probably in the repository."""
    path = report.model.path
    file = f"file={escape_property(one_line(Path(path)))}," if path and not Path(path).is_absolute() else ""
    properties = f"{file}title={escape_property(one_line(title, 200))}"
    return f"::{name} {properties}::{escape_data(_escape_lines(text))}\n"


def _escape_lines(text: str) -> str:
    return "\n".join(escape(line) for line in text.splitlines())


def escape_data(text: str) -> str:
    """Escape the text of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property of a workflow command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
