"""The report for a terminal: header, causes, table of checks, failures, result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.text import Text

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.reporting.parts.blocks import diagnosis_block, verdict_block
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.check_table import check_table
from keras_consistency_cli.reporting.parts.layout import command_lines, draw, flow, styled_text, wrap
from keras_consistency_cli.reporting.parts.subject_texts import model_text, noise_text, rows_text
from keras_consistency_cli.reporting.parts.verdict_summary import (
    DETAILED,
    OUTCOMES,
    group_errors,
    run_summary,
    sort_diagnoses,
    sort_verdicts,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["render_terminal"]

_SLOWEST = 5
_UNBROKEN_WIDTH = 1000
_STYLES = {"consistent": "bold green", "inconsistent": "bold red", "no-verdict": "bold magenta"}


def render_terminal(report: Report, canvas: Canvas) -> str:
    """Return the report as lines of text, with colours and details as the canvas asks for."""
    if canvas.amount == "quiet":
        wide = replace(canvas, width=_UNBROKEN_WIDTH)
        return draw(wide, _result_lines(wide, report))
    sections = [_header(canvas, report)]
    sections += [diagnosis_block(canvas, diagnosis) for diagnosis in sort_diagnoses(report.diagnoses)]
    if report.verdicts:
        sections.append(check_table(canvas, report))
    detailed = [verdict for verdict in sort_verdicts(report.verdicts) if verdict.status in DETAILED]
    groups = [[each] for each in detailed] if canvas.amount == "verbose" else group_errors(detailed)
    sections += [verdict_block(canvas, report, verdict, also) for verdict, *also in groups]
    sections.append(_advice_of_passed_checks(canvas, report.verdicts))
    if canvas.amount == "verbose":
        sections.append(_run_details(canvas, report))
    sections.append(_footer(canvas, report))
    lines: list[Text] = []
    for section in sections:
        lines += [Text(), *section] if lines and section else section
    return draw(canvas, lines)


def _header(canvas: Canvas, report: Report) -> list[Text]:
    titles = [
        styled_text(canvas, f"kcheck {report.version}", "bold"),
        styled_text(canvas, report.model.path, "bold"),
        styled_text(canvas, _model_text(report)),
    ]
    lines = flow(canvas, titles)
    for texts in (_environment_texts(report), [rows_text(report), *_noise_texts(report)]):
        lines += flow(canvas, [styled_text(canvas, text) for text in texts])
    for note in _notes(report):
        lines += wrap(canvas, styled_text(canvas, f"note: {note}", "dim"))
    return lines


def _model_text(report: Report) -> str:
    if report.facts is None:
        return report.model.summary or "the model was not loaded"
    return model_text(report.facts)


def _environment_texts(report: Report) -> list[str]:
    """Keras, backend and devices; the scaler if there is one."""
    texts, facts, scaler = [], report.facts, report.scaler
    if facts:
        devices = "".join(f", {device.removeprefix('/physical_device:')}" for device in facts.devices)
        texts.append(f"Keras {facts.keras} on {facts.backend} {facts.backend_version}{devices}")
    if scaler:
        texts.append(f"scaler {scaler.path}" + (f": {scaler.summary}" if scaler.summary else ""))
    return texts


def _noise_texts(report: Report) -> list[str]:
    if not report.noise:
        return []
    colon = ":" if len(report.noise) > 1 else ""
    return [f"rounding noise{colon} {noise_text(report.noise)}"]


def _notes(report: Report) -> list[str]:
    facts = report.facts
    return [*_notes_of_facts(facts), *facts.notes, *report.notes] if facts else list(report.notes)


def _notes_of_facts(facts: Facts) -> list[str]:
    """What a reader must know to judge the numbers."""
    notes = []
    if facts.saved_with and facts.saved_with != facts.keras:
        notes.append(f"saved with Keras {facts.saved_with}")
    return notes


def _advice_of_passed_checks(canvas: Canvas, verdicts: Iterable[Verdict]) -> list[Text]:
    """What a passed check recommends, such as a faster way to call the model."""
    lines: list[Text] = []
    for verdict in verdicts:
        if verdict.status is Status.PASS and verdict.advice:
            code = styled_text(canvas, verdict.code, limit=12)
            advice = styled_text(canvas, verdict.advice)
            lines += wrap(canvas, advice, indent=len(verdict.code) + 2, first=code)
    return lines


def _run_details(canvas: Canvas, report: Report) -> list[Text]:
    """Environment and hashes of the run, and the routes and checks that took longest."""
    values = {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in report.environment.items()
        if value not in (None, "", [])
    }
    files = {"model": report.model, "data": report.data, "scaler": report.scaler}
    values |= {
        f"{name} sha256": source.sha256
        for name, source in files.items()
        if source is not None and source.sha256
    }
    values["slowest routes"] = _slowest_routes(report)
    values["judging time"] = _slowest_checks(report)
    width = max(map(len, values)) + 2
    lines: list[Text] = []
    for name, value in values.items():
        label = styled_text(canvas, name, "dim")
        lines += wrap(canvas, styled_text(canvas, value), indent=width, first=label)
    return lines


def _slowest_routes(report: Report) -> str:
    """Return the longest routes; routes of different workers run at the same time."""
    slowest = sorted(report.routes, key=lambda route: -route.elapsed_s)[:_SLOWEST]
    times = [
        f"{route.name} {route.elapsed_s:.2g} s ({route.tracing_s / max(route.elapsed_s, 1e-9):.0%} tracing)"
        for route in slowest
    ]
    return ", ".join(times) or "none"


def _slowest_checks(report: Report) -> str:
    timed = [verdict for verdict in report.verdicts if verdict.elapsed_s]
    slowest = sorted(timed, key=lambda verdict: -verdict.elapsed_s)[:_SLOWEST]
    return ", ".join(f"{verdict.code} {verdict.elapsed_s:.2g} s" for verdict in slowest) or "none"


def _footer(canvas: Canvas, report: Report) -> list[Text]:
    lines = []
    if report.reproduce and report.exit_code:
        label = Text.assemble(styled_text(canvas, "run again:", "dim"), " ")
        lines = command_lines(canvas, report.reproduce, label)
    return lines + _result_lines(canvas, report)


def _result_lines(canvas: Canvas, report: Report) -> list[Text]:
    word = styled_text(canvas, OUTCOMES[report.outcome], _STYLES[report.outcome])
    return wrap(canvas, Text.assemble(word, styled_text(canvas, f": {run_summary(report)}")))
