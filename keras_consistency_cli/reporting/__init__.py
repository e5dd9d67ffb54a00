"""Renderers by name: each turns a report into text and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.report import Report
from keras_consistency_cli.reporting.as_json import render_json
from keras_consistency_cli.reporting.canvas import Canvas
from keras_consistency_cli.reporting.terminal import render_terminal
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["RENDERERS", "Canvas", "render"]

RENDERERS: Mapping[str, Callable[[Report, Canvas], str]] = {"terminal": render_terminal, "json": render_json}
"""The formats of `--format`."""

_NARROWEST = 40


def render(report: Report, format: str, *, width: int = 80, color: bool = False, ascii_only: bool = False) -> str:
    """Return the report in one of RENDERERS' formats, ending with a newline.

    Args:
        report: what to show.
        format: a key of RENDERERS; any other raises UsageError.
        width: columns to fill at most; code to be pasted is never broken and may be longer. Below 40 counts as 40.
        color: whether ANSI colours may be used; what they say is always said in words too.
        ascii_only: whether everything is to be spelled in ASCII.
    """
    if format not in RENDERERS:
        raise UsageError(f"unknown format '{clean(format)}'{did_you_mean(format, RENDERERS)}", expected=", ".join(RENDERERS))
    return RENDERERS[format](report, Canvas(width=max(width, _NARROWEST), color=color, ascii_only=ascii_only))
