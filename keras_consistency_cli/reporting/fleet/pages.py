"""The report on a fleet for people: a folder with an index page and a page per model, and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keras_consistency_cli.reporting.fleet.lines import found_text, summary_facts
from keras_consistency_cli.reporting.fleet.report import FleetReport, ModelResult
from keras_consistency_cli.reporting.formats.html import fill_template
from keras_consistency_cli.reporting.formats.markdown import OUTCOME_SIGNS, escape_markdown
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import one_line
from keras_consistency_cli.reporting.parts.verdict_summary import OUTCOMES

__all__ = ["INDEX", "html_pages", "render_markdown"]

INDEX = "index.html"
_STATUSES = {"consistent": "pass", "inconsistent": "fail", "no-verdict": "error"}


def html_pages(report: FleetReport) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page; the index is the last one."""
    names = {result.name: _page_name(place, result) for place, result in enumerate(report.results, 1)}
    for result in report.results:
        yield names[result.name], result.texts["html"]
    yield INDEX, _index(report, names)


def _page_name(place: int, result: ModelResult) -> str:
    """Return a file name that no other page has."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", result.name.removesuffix(".keras")).strip("-").lower()
    return f"{place:04d}-{slug[-60:].strip('-') or 'model'}.html"


def _index(report: FleetReport, pages: dict[str, str]) -> str:
    rows = [
        {
            "name": result.name,
            "page": pages[result.name],
            "word": OUTCOMES[result.outcome],
            "status": _STATUSES[result.outcome],
            "seconds": _seconds(result),
            "found": found_text(result),
        }
        for result in report.worst_first
    ]
    rows += [
        {"name": name, "page": "", "word": "not checked", "status": "skip", "seconds": "", "found": ""}
        for name in report.not_run
    ]
    return fill_template(
        "fleet.html",
        version=one_line(report.version),
        outcome=report.outcome,
        word=OUTCOMES[report.outcome],
        summary=report.summary(),
        facts=summary_facts(report),
        notes=report.notes,
        rows=rows,
    )


def _seconds(result: ModelResult) -> str:
    return "stored" if result.stored else f"{result.elapsed_s:.1f}"


def render_markdown(report: FleetReport, canvas: Canvas) -> str:
    """Return a table of models, and the report of each one that is not consistent."""
    parts = [f"# {OUTCOME_SIGNS[report.outcome]} kcheck: {escape_markdown(report.summary())}"]
    parts += [f"- {escape_markdown(note)}" for note in report.notes]
    if report.causes:
        causes = ", ".join(f"{escape_markdown(cause)} {number}" for cause, number in report.causes)
        parts.append(f"**Causes:** {causes}")
    lines = ["| verdict | model | seconds | found |", "|---|---|--:|---|"]
    for result in report.worst_first:
        sign, word = OUTCOME_SIGNS[result.outcome], OUTCOMES[result.outcome]
        name, found = escape_markdown(result.name, 200), escape_markdown(found_text(result), 300)
        lines.append(f"| {sign} {word} | {name} | {_seconds(result)} | {found} |")
    lines += [f"| not checked | {escape_markdown(name, 200)} | | |" for name in report.not_run]
    parts.append("\n".join(lines))
    parts += [
        result.texts["markdown"].rstrip() for result in report.worst_first if result.outcome != "consistent"
    ]
    return "\n\n".join(parts) + "\n"
