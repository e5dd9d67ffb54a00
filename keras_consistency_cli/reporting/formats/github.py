"""Workflow commands of GitHub Actions: an annotation for each cause and each check that failed, broke or warned, then the whole report in a group.

GitHub shows ten annotations of a kind for a step, so causes come before their symptoms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import one_line, plain, spelled
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    by_severity,
    causes_of,
    ending,
    headline,
    sorted_verdicts,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["refuse_github", "render_github"]

_COMMANDS = {Status.FAIL: "error", Status.ERROR: "error", Status.WARN: "warning"}
_OF_SEVERITY = {"fail": "error", "warn": "warning", "info": "notice"}
_WIDTH = 100


def render_github(report: Report, canvas: Canvas) -> str:
    """Return annotations, a notice with the verdict, and the terminal report in a group that can be folded."""
    told = render_terminal(report, Canvas(width=_WIDTH, ascii_only=canvas.ascii_only))
    group = f"::group::kcheck {_data(one_line(report.model.path))}\n{told}::endgroup::\n"
    verdict = _command("notice", report, "kcheck", f"{OUTCOMES[report.outcome]}: {ending(report)}")
    text = "".join((*_annotations(report), verdict, group))
    return plain(text) if canvas.ascii_only else text


def refuse_github(version: str, model: str, refusal: KcheckError) -> str:
    """Return one error annotation: the model was refused, or nothing could be decided."""
    told = str(refusal) if refusal.what.startswith(model) else f"{model}: {refusal}"
    return f"::error title=kcheck {_property(version)}::{_data(_lines(told))}\n"


def _annotations(report: Report) -> Iterator[str]:
    for diagnosis in by_severity(report.diagnoses):
        place = f" (layer {diagnosis.layer})" if diagnosis.layer else ""
        text = (
            f"{diagnosis.sentence}{place}\nfix: {diagnosis.advice}"
            if diagnosis.advice
            else f"{diagnosis.sentence}{place}"
        )
        yield _command(
            _OF_SEVERITY[diagnosis.severity],
            report,
            f"{diagnosis.cause} ({', '.join(diagnosis.explains)})",
            text,
        )
    for verdict in sorted_verdicts(report.verdicts):
        if verdict.status in _COMMANDS:
            yield _command(
                _COMMANDS[verdict.status], report, f"{verdict.code} {verdict.name}", _said(report, verdict)
            )


def _said(report: Report, verdict: Verdict) -> str:
    causes = ", ".join(diagnosis.cause for diagnosis in causes_of(report, verdict))
    return f"{headline(verdict)}\n" + (
        f"cause: {causes}" if causes else f"next: {verdict.advice or f'kcheck explain {verdict.code}'}"
    )


def _command(name: str, report: Report, title: str, text: str) -> str:
    """Return one command; the file is named where it is likely to be one of the repository."""
    path = report.model.path
    file = f"file={_property(one_line(Path(path)))}," if path and not Path(path).is_absolute() else ""
    return f"::{name} {file}title={_property(one_line(title, 200))}::{_data(_lines(text))}\n"


def _lines(text: str) -> str:
    return "\n".join(spelled(line) for line in text.splitlines())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
