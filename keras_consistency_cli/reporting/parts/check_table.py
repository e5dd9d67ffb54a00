"""The table of checks: one line per check, with its numbers or a short message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import align, flow, shorten, styled_text, wrap
from keras_consistency_cli.reporting.parts.number_format import NO_NUMBER
from keras_consistency_cli.reporting.parts.verdict_summary import (
    decisive_comparison,
    format_figures,
    group_skips,
    shorter_messages,
    sort_verdicts,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["STATUS_MARKS", "check_table", "status_text"]

STATUS_MARKS = {Status.FAIL: "✗", Status.ERROR: "?", Status.WARN: "!", Status.PASS: "✓", Status.SKIP: "-"}
_STYLES = {
    Status.FAIL: "bold red",
    Status.ERROR: "bold magenta",
    Status.WARN: "yellow",
    Status.PASS: "green",
    Status.SKIP: "dim",
}

_ORIGIN_MARKS = {
    "calibrated": "",
    "calibrated-few-rows": "*",
    "amplified": "^",
    "fallback": "~",
    "stated": "=",
    "exact": "",
}
_ORIGIN_WORDS = {
    "calibrated": "limit: from the model's rounding noise",
    "calibrated-few-rows": "* wider: few rows to measure the noise on",
    "amplified": "^ wider: this route rounds more than predict",
    "fallback": "~ default: no float64 copy",
    "stated": "= stated by you",
    "exact": "exact: the same bits",
}


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """One way to lay out the number columns; the first that fits is used."""

    titles: tuple[str, ...]
    gap: int


_LAYOUTS = (
    _Columns(titles=("deviation", "× noise", "limit", "rows"), gap=2),
    _Columns(titles=("deviation", "× noise", "limit", "rows"), gap=1),
    _Columns(titles=("worst", "×noise", "limit", "rows"), gap=1),
    _Columns(titles=("worst", "×noise", "limit"), gap=1),
    _Columns(titles=("worst", "×noise"), gap=1),
    _Columns(titles=("worst",), gap=1),
)
_TEXT_COLUMNS = 3
"""Columns before the numbers: status, code, name."""
_LONGEST_NAME = 30
_WIDTH_OF_NUMBERS = 30
"""The width that a name leaves to the numbers; on the narrowest canvas, a name then has ten columns."""
_MESSAGE_LINES, _MESSAGE_LINES_IF_NARROW = 2, 3
_NARROW = 80
"""Below this width, messages get one more line."""
_SHORTEST_PHRASE = 20
"""A shorter text before a comma says too little."""


def status_text(canvas: Canvas, status: Status, words: str | None = None) -> Text:
    """Return the mark and the word of a status in its colour."""
    return styled_text(canvas, f"{STATUS_MARKS[status]} {words or status.value.upper()}", _STYLES[status])


def check_table(canvas: Canvas, report: Report) -> list[Text]:
    """Return titles, one line per check, origins of limits, and reasons of skips."""
    verdicts = [verdict for verdict in sort_verdicts(report.verdicts) if verdict.status is not Status.SKIP]
    decisive = [decisive_comparison(verdict) for verdict in verdicts]
    rows = [
        [*_name_cells(canvas, verdict), *_number_cells(canvas, report, verdict, judged)]
        for verdict, judged in zip(verdicts, decisive, strict=True)
    ]
    columns, widths = _fitting_columns(canvas, rows)
    lines = [_title_line(canvas, columns, widths)] if verdicts else []
    for verdict, judged, row in zip(verdicts, decisive, rows, strict=True):
        if judged is None:
            lines += _message_lines(canvas, verdict, row, widths, columns)
        else:
            lines.append(align(row[: len(widths)], widths, _TEXT_COLUMNS, columns.gap))
    shown = [judged for judged in decisive if judged is not None]
    return [*lines, *_origin_lines(canvas, shown), *_skip_lines(canvas, report.verdicts)]


def _title_line(canvas: Canvas, columns: _Columns, widths: Sequence[int]) -> Text:
    titles = [styled_text(canvas, title, "dim") for title in ("", "", "check", *columns.titles)]
    return align(titles, widths, _TEXT_COLUMNS, columns.gap)


def _name_cells(canvas: Canvas, verdict: Verdict) -> list[Text]:
    width = min(_LONGEST_NAME, canvas.width - _WIDTH_OF_NUMBERS)
    name = shorten(canvas, styled_text(canvas, verdict.name), width)
    return [status_text(canvas, verdict.status), styled_text(canvas, verdict.code, limit=12), name]


def _number_cells(canvas: Canvas, report: Report, verdict: Verdict, judged: Judged | None) -> list[Text]:
    if judged is None:
        return [Text()] * len(_LAYOUTS[0].titles)
    figures = format_figures(report, judged)
    mark = "" if figures.limit == NO_NUMBER else _ORIGIN_MARKS[judged.limit.origin]
    style = "" if judged.within else _STYLES[verdict.status]
    return [
        styled_text(canvas, figures.deviation, style),
        styled_text(canvas, figures.multiple, style),
        styled_text(canvas, f"{figures.limit}{mark}"),
        styled_text(canvas, figures.rows),
    ]


def _fitting_columns(canvas: Canvas, rows: Sequence[Sequence[Text]]) -> tuple[_Columns, list[int]]:
    for columns in _LAYOUTS:
        titles = ["", "", "check", *columns.titles]
        widths = [
            max([len(title), *(row[place].cell_len for row in rows)]) for place, title in enumerate(titles)
        ]
        if sum(widths) + columns.gap * (len(widths) - 1) <= canvas.width:
            break
    return columns, widths


def _message_lines(
    canvas: Canvas, verdict: Verdict, row: Sequence[Text], widths: Sequence[int], columns: _Columns
) -> list[Text]:
    """The message of a check without numbers, shortened to two lines, or to three if they are narrow."""
    head = align(row[:_TEXT_COLUMNS], widths[:_TEXT_COLUMNS], _TEXT_COLUMNS, columns.gap)
    indent = sum(widths[:_TEXT_COLUMNS]) + columns.gap * _TEXT_COLUMNS

    def lines_of(message: str) -> list[Text]:
        return wrap(canvas, styled_text(canvas, message), indent=indent, first=head)

    whole = lines_of(verdict.message)
    if canvas.amount == "verbose":
        return whole
    # A pass takes one line if any form fits. Otherwise a whole sentence or clause is worth a second line.
    room = _MESSAGE_LINES if canvas.width >= _NARROW else _MESSAGE_LINES_IF_NARROW
    for most in (1, room) if verdict.status is Status.PASS else (room,):
        for form in shorter_messages(verdict.message):
            lines = lines_of(form)
            if len(lines) <= most and not _is_fragment(form, verdict.message):
                return lines
    kept = whole[:room]
    return [*kept[:-1], _cut(canvas, kept[-1])]


def _is_fragment(form: str, message: str) -> bool:
    """Whether a short form is only the first words of an enumeration."""
    is_short = form != message and len(form) < _SHORTEST_PHRASE
    return is_short and message[len(form) - len(" …") :].startswith(",")


def _cut(canvas: Canvas, line: Text) -> Text:
    """End a line with an ellipsis, after a whole word if there is one."""
    mark = " ..." if canvas.ascii_only else " …"
    if line.cell_len > canvas.width - len(mark):
        line.truncate(canvas.width - len(mark), overflow="crop")
        words, _, _ = line.plain.rpartition(" ")
        line = line[: len(words)] if words.strip() else line
    line.rstrip()
    return line.append(mark)


def _origin_lines(canvas: Canvas, shown: Iterable[Judged]) -> list[Text]:
    """Where the limits come from, for the origins that occur in the table."""
    origins = {
        judged.limit.origin
        for judged in shown
        if not judged.comparison.misshapen and not judged.comparison.nonfinite
    }
    texts = [words for origin, words in _ORIGIN_WORDS.items() if origin in origins]
    return flow(canvas, [styled_text(canvas, text, "dim") for text in texts])


def _skip_lines(canvas: Canvas, verdicts: Iterable[Verdict]) -> list[Text]:
    head = status_text(canvas, Status.SKIP)
    lines: list[Text] = []
    for reason, skipped in group_skips(verdicts).items():
        codes = ", ".join(verdict.code for verdict in skipped)
        names = codes if len(skipped) > 1 else f"{codes} {skipped[0].name}"
        text = styled_text(canvas, f"{names}: {reason}", "dim", limit=400)
        lines += wrap(canvas, text, indent=head.cell_len + 2, first=head)
    return lines
