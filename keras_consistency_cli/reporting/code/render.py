"""The formats of `kcheck code`, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keras_consistency_cli.reporting.code.lines import render_concise, render_terminal
from keras_consistency_cli.reporting.code.machine_formats import (
    render_github,
    render_json,
    render_junit,
    render_sarif,
)
from keras_consistency_cli.reporting.code.pages import render_html, render_markdown
from keras_consistency_cli.reporting.code.summary import CodeResult
from keras_consistency_cli.reporting.parts.canvas import Canvas

__all__ = ["CODE_RENDERERS"]

CODE_RENDERERS: Mapping[str, Callable[[CodeResult, Canvas], str]] = {
    "terminal": render_terminal,
    "concise": render_concise,
    "json": render_json,
    "junit": render_junit,
    "sarif": render_sarif,
    "github": render_github,
    "markdown": render_markdown,
    "html": render_html,
}
"""Functions from a result and a canvas to text."""
