"""The table of checks: one line each, failing first, numbers in columns; a check without numbers says why in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.layout import aligned, flowed, shortened, wrapped, written
from keras_consistency_cli.reporting.parts.number_format import NOTHING
from keras_consistency_cli.reporting.parts.verdict_summary import (
    figures,
    skips_by_reason,
    sorted_verdicts,
    telling,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["check_table", "status_text"]

_MARKS = {Status.FAIL: "✗", Status.ERROR: "?", Status.WARN: "!", Status.PASS: "✓", Status.SKIP: "-"}
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
    "calibrated": "limit: from the model's own rounding noise",
    "calibrated-few-rows": "* widened: few rows to calibrate on",
    "amplified": "^ widened: rounding that predict is spared",
    "fallback": "~ a guess: no float64 copy",
    "stated": "= stated by the user",
    "exact": "exact: the same bits",
}


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """One way to lay out the columns; the first that fits is taken."""

    titles: tuple[str, ...]
    gap: int


_SHAPES = (
    _Shape(titles=("deviation", "× noise", "limit", "rows"), gap=2),
    _Shape(titles=("deviation", "× noise", "limit", "rows"), gap=1),
    _Shape(titles=("worst", "×noise", "limit", "rows"), gap=1),
    _Shape(titles=("worst", "×noise", "limit"), gap=1),
    _Shape(titles=("worst", "×noise"), gap=1),
    _Shape(titles=("worst",), gap=1),
)
_LEFT = 3
"""Columns before the numbers: status, code, name."""
_LONGEST_NAME = 30
_LEFT_FOR_NUMBERS = 30
"""Columns that a name has to leave free; at the narrowest width this cuts it to ten."""


def status_text(canvas: Canvas, status: Status, words: str | None = None) -> Text:
    """Return a mark and a word in the status's colour: what the colour says, the word says too."""
    return written(canvas, f"{_MARKS[status]} {words or status.value.upper()}", _STYLES[status])


def check_table(canvas: Canvas, report: Report) -> list[Text]:
    """Return the table's lines: titles, one line a check, where the limits come from, and what was skipped and why."""
    verdicts = [verdict for verdict in sorted_verdicts(report.verdicts) if verdict.status is not Status.SKIP]
    worst = [telling(verdict) for verdict in verdicts]
    rows = [
        [*_names(canvas, verdict), *_numbers(canvas, report, verdict, one)]
        for verdict, one in zip(verdicts, worst, strict=True)
    ]
    shape, widths = _fitting(canvas, rows)
    titles = [
        Text(),
        Text(),
        Text("check", "dim"),
        *(written(canvas, title, "dim") for title in shape.titles),
    ]
    lines = [aligned(titles, widths, _LEFT, shape.gap)]
    for verdict, one, row in zip(verdicts, worst, rows, strict=True):
        if one is None:
            lines += _remark(canvas, verdict, row, widths, shape)
        else:
            lines.append(aligned(row[: len(widths)], widths, _LEFT, shape.gap))
    return (
        (lines if verdicts else [])
        + _legend(canvas, [one for one in worst if one is not None])
        + _skips(canvas, report.verdicts)
    )


def _skips(canvas: Canvas, verdicts: Iterable[Verdict]) -> list[Text]:
    head = status_text(canvas, Status.SKIP)
    lines: list[Text] = []
    for reason, skipped in skips_by_reason(verdicts).items():
        told = (
            ", ".join(verdict.code for verdict in skipped)
            if len(skipped) > 1
            else f"{skipped[0].code} {skipped[0].name}"
        )
        lines += wrapped(
            canvas,
            written(canvas, f"{told}: {reason}", "dim", limit=400),
            indent=head.cell_len + 2,
            first=head,
        )
    return lines


def _names(canvas: Canvas, verdict: Verdict) -> list[Text]:
    name = shortened(
        canvas, written(canvas, verdict.name), min(_LONGEST_NAME, canvas.width - _LEFT_FOR_NUMBERS)
    )
    return [status_text(canvas, verdict.status), written(canvas, verdict.code, limit=12), name]


def _numbers(canvas: Canvas, report: Report, verdict: Verdict, one: Judged | None) -> list[Text]:
    if one is None:
        return [Text()] * len(_SHAPES[0].titles)
    shown = figures(report, one)
    mark = "" if shown.limit == NOTHING else _ORIGIN_MARKS[one.limit.origin]
    style = "" if one.within else _STYLES[verdict.status]
    numbers = [written(canvas, shown.deviation, style), written(canvas, shown.multiple, style)]
    return [*numbers, written(canvas, f"{shown.limit}{mark}"), written(canvas, shown.rows)]


def _fitting(canvas: Canvas, rows: Sequence[Sequence[Text]]) -> tuple[_Shape, list[int]]:
    for shape in _SHAPES:
        titles = ["", "", "check", *shape.titles]
        widths = [max([len(title), *(row[at].cell_len for row in rows)]) for at, title in enumerate(titles)]
        if sum(widths) + shape.gap * (len(widths) - 1) <= canvas.width:
            break
    return shape, widths


def _remark(
    canvas: Canvas, verdict: Verdict, row: Sequence[Text], widths: Sequence[int], shape: _Shape
) -> list[Text]:
    """What a check says that compared nothing: a line of its message, or two where advice refers to it."""
    head = aligned(row[:_LEFT], widths[:_LEFT], _LEFT, shape.gap)
    indent = sum(widths[:_LEFT]) + shape.gap * _LEFT
    kept = 2 if verdict.status is Status.PASS and verdict.advice else 1
    lines = wrapped(canvas, written(canvas, verdict.message), indent=indent, first=head)
    return lines if len(lines) <= kept else [*lines[: kept - 1], _cut(canvas, lines[kept - 1])]


def _cut(canvas: Canvas, line: Text) -> Text:
    mark = "..." if canvas.ascii_only else "…"
    line.truncate(canvas.width - len(mark), overflow="crop")
    return line.append(mark)


def _legend(canvas: Canvas, shown: Iterable[Judged]) -> list[Text]:
    origins = {
        one.limit.origin for one in shown if not one.comparison.misshapen and not one.comparison.nonfinite
    }
    return flowed(
        canvas,
        [written(canvas, words, "dim") for origin, words in _ORIGIN_WORDS.items() if origin in origins],
    )
