"""The report on a fleet as lines: the table for a terminal, and one line per fact for log files."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from keras_consistency_cli.reporting.fleet.report import FleetReport, ModelResult
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import (
    align,
    command_lines,
    draw,
    labelled_lines,
    shorten,
    styled_text,
    wrap,
)
from keras_consistency_cli.reporting.parts.number_format import one_line, to_ascii
from keras_consistency_cli.reporting.parts.verdict_summary import OUTCOMES
from keras_consistency_cli.text import format_count

__all__ = ["found_text", "render_concise", "render_terminal", "summary_facts"]

_STYLES = {"consistent": "green", "inconsistent": "red", "no-verdict": "magenta"}
_LONGEST_NAME = 40
_DETAILED = 50
"""Models whose causes are shown; the other formats have them all."""


def render_terminal(report: FleetReport, canvas: Canvas) -> str:
    """Return the table of models, the causes of those that are not consistent, and the summary."""
    last = _result_line(canvas, report)
    if canvas.amount == "quiet":
        return draw(canvas, [last])
    lines = [styled_text(canvas, f"kcheck {report.version} fleet", "bold"), Text(), *_table(canvas, report)]
    lines += [line for note in report.notes for line in wrap(canvas, styled_text(canvas, f"note: {note}"))]
    faulty = [result for result in report.worst_first if result.outcome != "consistent"]
    for result in faulty[:_DETAILED]:
        lines += [Text(), *_details(canvas, result)]
    if len(faulty) > _DETAILED:
        more = format_count(len(faulty) - _DETAILED, "more model")
        lines += [Text(), styled_text(canvas, f"not shown here: {more}; --format json or html shows all")]
    lines.append(Text())
    for label, text in summary_facts(report):
        lines += labelled_lines(canvas, label, styled_text(canvas, text))
    lines.append(last)
    return draw(canvas, lines)


def _table(canvas: Canvas, report: FleetReport) -> Iterator[Text]:
    rows = [
        (
            styled_text(canvas, OUTCOMES[result.outcome], _STYLES[result.outcome]),
            styled_text(canvas, result.name),
            styled_text(canvas, "stored" if result.stored else f"{result.elapsed_s:.1f} s", "dim"),
            styled_text(canvas, found_text(result)),
        )
        for result in report.worst_first
    ]
    widths = [max((row[column].cell_len for row in rows), default=0) for column in range(3)]
    widths[1] = min(widths[1], _LONGEST_NAME)
    room = max(canvas.width - sum(widths) - 6, 10)
    for outcome, name, seconds, found in rows:
        cells = (outcome, shorten(canvas, name, widths[1]))
        left = align(cells, widths[:2], 2, 2)
        space = " " * (widths[0] + widths[1] + 4 - left.cell_len + widths[2] - seconds.cell_len)
        line = Text.assemble(left, space, seconds, "  ", shorten(canvas, found, room))
        line.rstrip()
        yield line
    for left_out in report.not_run:
        yield styled_text(canvas, f"not checked   {left_out}", "dim")


def found_text(result: ModelResult) -> str:
    """Return what was found, in a few words: the error, the causes, or the checks that failed."""
    if result.error is not None:
        return one_line(result.error, 200)
    causes = ", ".join(dict.fromkeys(one_line(cause.get("cause"), 60) for cause in result.causes))
    codes = ", ".join((*result.codes("fail"), *result.codes("error"), *result.codes("warn")))
    again = f"checked {result.attempts} times: a worker died" if result.attempts > 1 else ""
    return "; ".join(text for text in (causes or codes, again) if text)


def _details(canvas: Canvas, result: ModelResult) -> Iterator[Text]:
    yield Text.assemble(
        styled_text(canvas, OUTCOMES[result.outcome].upper(), f"bold {_STYLES[result.outcome]}"),
        "  ",
        styled_text(canvas, result.name, "bold"),
    )
    if result.error is not None:
        yield from labelled_lines(canvas, "error", styled_text(canvas, result.error))
    for cause in result.causes:
        layer = f" at {cause['layer']}" if cause.get("layer") else ""
        text = f"{cause.get('cause')}{layer} ({cause.get('confidence')}): {cause.get('sentence')}"
        yield from labelled_lines(canvas, "cause", styled_text(canvas, text))
    for status in ("fail", "error"):
        if codes := result.codes(status):
            yield from labelled_lines(canvas, f"checks {status}", styled_text(canvas, ", ".join(codes)))
    if isinstance(command := result.document.get("reproduce"), str) and command:
        yield from command_lines(canvas, command, Text("  alone       ", style="dim"))


def summary_facts(report: FleetReport) -> list[tuple[str, str]]:
    """Return the causes and the slowest models, each with its label, if there are any."""
    causes = ", ".join(f"{cause} {number}" for cause, number in report.causes)
    slowest = ", ".join(f"{one_line(each.name, 60)} {each.elapsed_s:.1f} s" for each in report.slowest)
    return [(label, text) for label, text in (("causes", causes), ("slowest", slowest)) if text]


def _result_line(canvas: Canvas, report: FleetReport) -> Text:
    outcome = styled_text(canvas, OUTCOMES[report.outcome], f"bold {_STYLES[report.outcome]}")
    return Text.assemble(outcome, styled_text(canvas, f": {report.summary()}"))


def render_concise(report: FleetReport, canvas: Canvas) -> str:
    """Return the concise lines of each model after its name, and the summary as the last line."""
    lines = []
    for result in report.results:
        listed = result.texts["concise"].splitlines()
        outcome = OUTCOMES[result.outcome]
        if not listed:
            listed = [f"{outcome}: {one_line(result.model)}: {one_line(result.error, 400)}"]
        shown = listed if result.outcome != "consistent" else listed[-1:]
        lines += [f"{one_line(result.name)}: {line}" for line in shown if not line.startswith("SKIP ")]
    lines += [f"{one_line(name)}: not checked" for name in report.not_run]
    text = "\n".join([*lines, f"{OUTCOMES[report.outcome]}: {report.summary()}"]) + "\n"
    return to_ascii(text) if canvas.ascii_only else text
