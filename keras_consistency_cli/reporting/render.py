"""Renderers by name: each turns a report into text and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.reporting.formats.concise import render_concise
from keras_consistency_cli.reporting.formats.github import refuse_github, render_github
from keras_consistency_cli.reporting.formats.html import refuse_html, render_html
from keras_consistency_cli.reporting.formats.json_report import refuse_json, render_json
from keras_consistency_cli.reporting.formats.junit import refuse_junit, render_junit
from keras_consistency_cli.reporting.formats.markdown import refuse_markdown, render_markdown
from keras_consistency_cli.reporting.formats.sarif import refuse_sarif, render_sarif
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["REFUSALS", "RENDERERS", "Canvas", "render"]

RENDERERS: Mapping[str, Callable[[Report, Canvas], str]] = {
    "terminal": render_terminal,
    "concise": render_concise,
    "json": render_json,
    "junit": render_junit,
    "sarif": render_sarif,
    "github": render_github,
    "markdown": render_markdown,
    "html": render_html,
}
"""The formats of `--format`."""

REFUSALS: Mapping[str, Callable[[str, str, KcheckError], str]] = {
    "json": refuse_json,
    "junit": refuse_junit,
    "sarif": refuse_sarif,
    "github": refuse_github,
    "markdown": refuse_markdown,
    "html": refuse_html,
}
"""What is written where there is no report: version, model and refusal to text. Readers of the other formats have standard error."""

Amount = Literal["quiet", "usual", "verbose"]

_NARROWEST = 40


def render(
    report: Report,
    format: str,
    *,
    width: int = 80,
    color: bool = False,
    ascii_only: bool = False,
    amount: Amount = "usual",
) -> str:
    """Return the report in one of RENDERERS' formats, ending with a newline.

    Args:
        report: what to show.
        format: a key of RENDERERS; any other raises UsageError.
        width: columns to fill at most; code to be pasted is never broken and may be longer. Below 40 counts as 40.
        color: whether ANSI colours may be used; what they say is always said in words too.
        ascii_only: whether everything is to be spelled in ASCII.
        amount: how much a terminal shows; of no consequence to other formats.
    """
    if format not in RENDERERS:
        raise UsageError(
            f"unknown format '{clean(format)}'{did_you_mean(format, RENDERERS)}",
            expected=", ".join(RENDERERS),
        )
    return RENDERERS[format](
        report, Canvas(width=max(width, _NARROWEST), color=color, ascii_only=ascii_only, amount=amount)
    )
