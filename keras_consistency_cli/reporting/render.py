"""Renderers by name: each returns a report as text and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keras_consistency_cli.errors import KcheckError, UsageError
from keras_consistency_cli.reporting.formats.concise import render_concise
from keras_consistency_cli.reporting.formats.github import refuse_github, render_github
from keras_consistency_cli.reporting.formats.html import refuse_html, render_html
from keras_consistency_cli.reporting.formats.json_report import refuse_json, render_json
from keras_consistency_cli.reporting.formats.junit import refuse_junit, render_junit
from keras_consistency_cli.reporting.formats.markdown import refuse_markdown, render_markdown
from keras_consistency_cli.reporting.formats.refusals import refuse_concise, refuse_terminal
from keras_consistency_cli.reporting.formats.sarif import refuse_sarif, render_sarif
from keras_consistency_cli.reporting.formats.terminal import render_terminal
from keras_consistency_cli.reporting.parts.canvas import Amount, Canvas
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["REFUSALS", "RENDERERS", "render"]

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
    "terminal": refuse_terminal,
    "concise": refuse_concise,
    "json": refuse_json,
    "junit": refuse_junit,
    "sarif": refuse_sarif,
    "github": refuse_github,
    "markdown": refuse_markdown,
    "html": refuse_html,
}
"""Renderers of a refusal, from version, model and error; the error goes to standard error too."""

_MINIMUM_WIDTH = 40


def render(
    report: Report,
    format: str,
    *,
    width: int = 80,
    color: bool = False,
    ascii_only: bool = False,
    amount: Amount = "usual",
) -> str:
    """Return the report in one of the formats of RENDERERS, with a final newline.

    Args:
        report: the report to render.
        format: a key of RENDERERS.
        width: the largest width in columns, at least 40; code that can be pasted is never broken.
        color: whether ANSI colours may be used; colour alone never carries information.
        ascii_only: whether the text must be ASCII.
        amount: how much a terminal shows; other formats do not use it.

    Raises:
        UsageError: the format does not exist.
    """
    if format not in RENDERERS:
        raise UsageError(
            f"unknown format '{clean(format)}'{did_you_mean(format, RENDERERS)}",
            expected=", ".join(RENDERERS),
        )
    return RENDERERS[format](
        report, Canvas(width=max(width, _MINIMUM_WIDTH), color=color, ascii_only=ascii_only, amount=amount)
    )
