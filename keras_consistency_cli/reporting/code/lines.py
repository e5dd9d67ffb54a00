"""`kcheck code` for people: a line for each finding, with the code and the fix below it in a terminal."""

from __future__ import annotations

from rich.text import Text

from keras_consistency_cli.checks.code.rule import Finding
from keras_consistency_cli.reporting.code.summary import CodeResult, finding_line, place, summary_line
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import draw, styled_text
from keras_consistency_cli.reporting.parts.number_format import one_line, to_ascii

__all__ = ["render_concise", "render_terminal"]

_STYLES = {"fail": "red", "warn": "yellow", "info": "cyan"}


def render_terminal(result: CodeResult, canvas: Canvas) -> str:
    """Return each finding with its line of code and its fix."""
    lines: list[Text] = []
    for finding in result.report.findings:
        lines += _finding(finding, canvas)
    for notice in result.report.notices:
        lines.append(styled_text(canvas, f"{notice.path}: {notice.message}", "dim"))
    lines.append(styled_text(canvas, summary_line(result), "bold"))
    return draw(canvas, lines)


def _finding(finding: Finding, canvas: Canvas) -> list[Text]:
    parts = (
        styled_text(canvas, f"{place(finding)}:"),
        styled_text(canvas, finding.code, _STYLES[finding.severity]),
        styled_text(canvas, f"{finding.name}:"),
        styled_text(canvas, finding.message),
    )
    head = Text(" ").join(parts)
    source = Text.assemble("    ", styled_text(canvas, finding.source, "dim", code=True))
    return [head, source, Text.assemble("    fix: ", styled_text(canvas, finding.fix))]


def render_concise(result: CodeResult, canvas: Canvas) -> str:
    """Return one line for each finding, and one for each file that cannot be read."""
    lines = [f"{finding_line(finding)}; {one_line(finding.fix)}" for finding in result.report.findings]
    lines += [f"{one_line(notice.path)}: {one_line(notice.message)}" for notice in result.report.notices]
    text = "\n".join([*lines, summary_line(result)]) + "\n"
    return to_ascii(text) if canvas.ascii_only else text
