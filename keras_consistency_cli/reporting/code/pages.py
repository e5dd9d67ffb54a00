"""`kcheck code` for people outside a terminal: an HTML page, and Markdown for a job summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from keras_consistency_cli.checks.code.rule import Severity
from keras_consistency_cli.reporting.code.summary import CodeResult, place, summary_line
from keras_consistency_cli.reporting.formats.html import fill_template
from keras_consistency_cli.reporting.formats.markdown import (
    OUTCOME_SIGNS,
    code_span,
    escape_markdown,
    fence_code,
)
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import one_line

__all__ = ["render_html", "render_markdown"]

_SIGNS: Mapping[Severity, str] = {"fail": "❌", "warn": "⚠️", "info": "⚪"}
_WORDS = {"consistent": "✓ no fault", "inconsistent": "✗ faults", "no-verdict": "? no file can be read"}
_LARGEST = 500
"""Findings in a page or a summary: a job summary holds 1 MB."""


def _outcome(result: CodeResult) -> Literal["consistent", "inconsistent", "no-verdict"]:
    if any(map(result.is_failure, result.report.findings)):
        return "inconsistent"
    return "no-verdict" if result.exit_code == 3 else "consistent"


def render_html(result: CodeResult, canvas: Canvas) -> str:
    """Return one page without scripts that needs no network; the canvas is not used."""
    outcome = _outcome(result)
    findings = [
        {
            "place": place(finding),
            "status": finding.severity.replace("info", "skip"),
            "title": f"{finding.code} {finding.name}",
            "message": finding.message,
            "source": finding.source,
            "fix": finding.fix,
        }
        for finding in result.report.findings[:_LARGEST]
    ]
    return fill_template(
        "code.html",
        version=one_line(result.version),
        outcome=outcome,
        word=_WORDS[outcome],
        summary=summary_line(result),
        notices=[f"{notice.path}: {notice.message}" for notice in result.report.notices],
        findings=findings,
        left_out=_left_out(result),
    )


def render_markdown(result: CodeResult, canvas: Canvas) -> str:
    """Return GitHub-flavoured Markdown; the canvas is not used."""
    parts = [f"## {OUTCOME_SIGNS[_outcome(result)]} kcheck code: {escape_markdown(summary_line(result))}"]
    for finding in result.report.findings[:_LARGEST]:
        sign = _SIGNS[finding.severity]
        parts += [
            f"### {sign} {finding.code} {escape_markdown(finding.name)}: {code_span(place(finding))}",
            escape_markdown(finding.message),
            fence_code(one_line(finding.source), "python"),
            f"**Fix:** {escape_markdown(finding.fix)}",
        ]
    if left_out := _left_out(result):
        parts.append(escape_markdown(left_out))
    notices = [
        f"- {code_span(notice.path)}: {escape_markdown(notice.message)}" for notice in result.report.notices
    ]
    return "\n\n".join([*parts, *(["\n".join(notices)] if notices else [])]) + "\n"


def _left_out(result: CodeResult) -> str:
    number = len(result.report.findings) - _LARGEST
    return f"not shown here: {number} more; --format json shows all" if number > 0 else ""
