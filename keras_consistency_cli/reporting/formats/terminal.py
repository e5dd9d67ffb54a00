"""The report as people read it in a terminal: what was checked, causes, a line for each check, what failed and what to do, the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.text import Text

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.reporting.parts.blocks import diagnosis_block, verdict_block
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.check_table import check_table
from keras_consistency_cli.reporting.parts.layout import draw, flowed, pasted, wrapped, written
from keras_consistency_cli.reporting.parts.number_format import count, number
from keras_consistency_cli.reporting.parts.verdict_summary import (
    OUTCOMES,
    by_severity,
    ending,
    sorted_verdicts,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["render_terminal"]

_SLOWEST = 5
_ONE_LINE = 1000
_TOLD = (Status.FAIL, Status.ERROR, Status.WARN)
_STYLES = {"consistent": "bold green", "inconsistent": "bold red", "no-verdict": "bold magenta"}


def render_terminal(report: Report, canvas: Canvas) -> str:
    """Return the report as lines of text, coloured where the canvas allows it, and as much of it as the canvas asks for."""
    if canvas.amount == "quiet":
        wide = replace(canvas, width=_ONE_LINE)
        return draw(wide, _ending(wide, report))
    sections = [_header(canvas, report)]
    sections += [diagnosis_block(canvas, one) for one in by_severity(report.diagnoses)]
    if report.verdicts:
        sections.append(check_table(canvas, report))
    sections += [
        verdict_block(canvas, report, verdict)
        for verdict in sorted_verdicts(report.verdicts)
        if verdict.status in _TOLD
    ]
    sections.append(_advice_of_passes(canvas, report.verdicts))
    if canvas.amount == "verbose":
        sections.append(_around(canvas, report))
    sections.append(_footer(canvas, report))
    lines: list[Text] = []
    for section in sections:
        lines += [Text(), *section] if lines and section else section
    return draw(canvas, lines)


def _header(canvas: Canvas, report: Report) -> list[Text]:
    facts = report.facts
    titles = [
        written(canvas, f"kcheck {report.version}", "bold"),
        written(canvas, report.model.path, "bold"),
        written(canvas, _model_words(report)),
    ]
    lines = flowed(canvas, titles)
    for words in (_surroundings(report), [_rows_words(report), *_noise_words(report)]):
        lines += flowed(canvas, [written(canvas, item) for item in words])
    for note in (*_own_notes(report, facts), *(facts.notes if facts else ()), *report.notes):
        lines += wrapped(canvas, written(canvas, f"note: {note}", "dim"))
    return lines


def _model_words(report: Report) -> str:
    facts = report.facts
    if facts is None:
        return report.model.summary or "the model was not loaded"
    return f"{facts.kind}, {count(len(facts.layers), 'layer')}, {count(facts.parameters, 'parameter')}"


def _surroundings(report: Report) -> list[str]:
    """Keras, backend and devices; the scaler where there is one."""
    words, facts, scaler = [], report.facts, report.scaler
    if facts:
        devices = "".join(f", {device.removeprefix('/physical_device:')}" for device in facts.devices)
        words.append(f"Keras {facts.keras} on {facts.backend} {facts.backend_version}{devices}")
    if scaler:
        words.append(f"scaler {scaler.path}" + (f": {scaler.summary}" if scaler.summary else ""))
    return words


def _rows_words(report: Report) -> str:
    if report.generated:
        kind = f" ({report.data.summary})" if report.data.summary else ""
        return f"{count(report.rows, 'row')} generated from the input spec{kind}"
    return f"{report.rows:,} of {count(report.rows_available, 'row')} of {report.data.path}"


def _noise_words(report: Report) -> list[str]:
    if len(report.noise) == 1:
        return [f"rounding noise {number(value)}" for value in report.noise.values()]
    return (
        ["rounding noise: " + ", ".join(f"{name} {number(value)}" for name, value in report.noise.items())]
        if report.noise
        else []
    )


def _own_notes(report: Report, facts: Facts | None) -> list[str]:
    """What a reader must know to weigh the numbers."""
    notes = []
    if facts and facts.shadow_refused:
        notes.append(f"no float64 copy, so rounding noise is unknown: {facts.shadow_refused}")
    if facts and facts.saved_with and facts.saved_with != facts.keras:
        notes.append(f"saved with Keras {facts.saved_with}")
    return notes


def _advice_of_passes(canvas: Canvas, verdicts: Iterable[Verdict]) -> list[Text]:
    """What a check that passed still has to recommend, such as what each way of calling costs."""
    lines: list[Text] = []
    for verdict in verdicts:
        if verdict.status is Status.PASS and verdict.advice:
            lines += wrapped(
                canvas,
                written(canvas, verdict.advice),
                indent=len(verdict.code) + 2,
                first=written(canvas, verdict.code, limit=12),
            )
    return lines


def _footer(canvas: Canvas, report: Report) -> list[Text]:
    lines = []
    if report.reproduce and report.exit_code:
        lines = pasted(canvas, report.reproduce, Text.assemble(written(canvas, "again:", "dim"), " "))
    return lines + _ending(canvas, report)


def _around(canvas: Canvas, report: Report) -> list[Text]:
    """What the run was made with, and the seconds that judging took, longest first."""
    facts = {
        name.replace("_", " "): value
        for name, value in report.environment.items()
        if value not in (None, "", [])
    }
    words = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    slow = [
        verdict
        for verdict in sorted(report.verdicts, key=lambda verdict: -verdict.elapsed_s)
        if verdict.elapsed_s
    ][:_SLOWEST]
    files = {"model": report.model, "data": report.data, "scaler": report.scaler}
    words |= {
        f"{name} sha256": source.sha256
        for name, source in files.items()
        if source is not None and source.sha256
    }
    words["judging took"] = (
        ", ".join(f"{verdict.code} {verdict.elapsed_s:.2g} s" for verdict in slow) or "no time"
    )
    wide = max(map(len, words)) + 2
    found: list[Text] = []
    for name, value in words.items():
        found += wrapped(canvas, written(canvas, value), indent=wide, first=written(canvas, name, "dim"))
    return found


def _ending(canvas: Canvas, report: Report) -> list[Text]:
    word = written(canvas, OUTCOMES[report.outcome], _STYLES[report.outcome])
    return wrapped(canvas, Text.assemble(word, written(canvas, f": {ending(report)}")))
