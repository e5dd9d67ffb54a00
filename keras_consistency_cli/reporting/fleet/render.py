"""Renderers of the report on a fleet, by the names of `--format`; HTML is a folder, see `pages`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keras_consistency_cli.reporting.fleet.lines import render_concise, render_terminal
from keras_consistency_cli.reporting.fleet.machine_formats import (
    render_github,
    render_json,
    render_junit,
    render_sarif,
)
from keras_consistency_cli.reporting.fleet.pages import render_markdown
from keras_consistency_cli.reporting.fleet.report import FleetReport
from keras_consistency_cli.reporting.parts.canvas import Canvas

__all__ = ["FLEET_RENDERERS"]

FLEET_RENDERERS: Mapping[str, Callable[[FleetReport, Canvas], str]] = {
    "terminal": render_terminal,
    "concise": render_concise,
    "json": render_json,
    "junit": render_junit,
    "sarif": render_sarif,
    "github": render_github,
    "markdown": render_markdown,
}
"""The formats of `kcheck fleet` that are one text."""
