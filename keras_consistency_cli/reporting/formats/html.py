"""The HTML report: one file without scripts that needs no network.

The template engine escapes everything, and texts are cleaned as in every other report.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.diagnosis.refusals import refusal_text
from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.reporting.formats.html_sections import Header, list_causes, list_checks
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.chart_geometry import HEIGHT, WIDTH
from keras_consistency_cli.reporting.parts.drift import REACH
from keras_consistency_cli.reporting.parts.number_format import one_line
from keras_consistency_cli.reporting.parts.verdict_summary import group_skips
from keras_consistency_cli.reporting.report import Report

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["LARGEST_PAGE", "fill_template", "refuse_html", "render_html"]

LARGEST_PAGE = 200_000
"""Bytes."""
_MOST_DETAILED = (64, 16, 4, 1, 0)
"""Causes and checks that are shown in full: fewer if the page would be too large."""


def render_html(report: Report, canvas: Canvas) -> str:
    """Return the page, at most 200 KB; the canvas is not used.

    If the page would be larger, only the worst causes and checks are shown in full.
    """
    header, causes, checks = Header.of(report), list(list_causes(report)), list(list_checks(report))
    detailed, skips = [check for check in checks if check.details], group_skips(report.verdicts)
    for most in _MOST_DETAILED:
        shown = detailed[:most]
        page = fill_template(
            "report.html",
            report=header,
            causes=causes[:most],
            checks=checks,
            detailed=shown,
            linked={check.verdict.code for check in shown},
            skips=skips,
            left_out=max(len(causes) - most, 0) + max(len(detailed) - most, 0),
        )
        if len(page.encode("utf-8", "backslashreplace")) <= LARGEST_PAGE:
            break
    return page


def refuse_html(version: str, model: str, refusal: KcheckError) -> str:
    """Return a page with the refusal: the model was refused, or nothing could be decided."""
    is_refused = refusal.exit_code == 1
    return fill_template(
        "refusal.html",
        version=one_line(version),
        model=one_line(model),
        outcome="inconsistent" if is_refused else "no-verdict",
        refused=is_refused,
        lines=[one_line(line) for line in refusal_text(refusal).splitlines()],
    )


def fill_template(name: str, **values: Any) -> str:
    """Return the page of a template."""
    chart = {"width": WIDTH, "height": HEIGHT, "reach": REACH}
    return _template_engine().get_template(name).render(**values, chart=chart) + "\n"


@cache
def _template_engine() -> Environment:
    """The template engine, imported only if a page is requested."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    engine = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    engine.filters["line"] = one_line
    return engine
