"""Blocks of the terminal report: one per cause, and one per check that did not pass."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import code_text, depth_lines, impact_lines
from keras_consistency_cli.reporting.parts.check_table import status_text
from keras_consistency_cli.reporting.parts.layout import (
    LABEL_WIDTH,
    align,
    code_lines,
    command_lines,
    draw,
    labelled_lines,
    styled_text,
    wrap,
)
from keras_consistency_cli.reporting.parts.number_format import (
    format_deviation,
    format_distance,
    format_number,
    format_values,
)
from keras_consistency_cli.reporting.parts.verdict_summary import (
    FURTHER_PAIRS,
    STATUS_OF_SEVERITY,
    compared_text,
    decisions_text,
    decisive_comparison,
    difference_text,
    find_causes,
    offered_limit,
    pair_text,
    row_list,
    sort_worst_first,
)
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import format_count

__all__ = ["LONGEST_BLOCK", "details", "details_with_causes", "diagnosis_block", "verdict_block"]

LONGEST_BLOCK = 40
"""Most lines of one block; the JSON report has everything."""
_WORST_ROWS = 3
_SEVERITY_WORDS = {"fail": "CAUSE", "warn": "CAUSE of a warning", "info": "NOTE"}
_TABLE_INDENT = 4
_GROWTH_TITLES = ("layer", "error", "× growth")
_ROW_TITLES = ("row", "index", "candidate", "reference", "off by")
_QUOTED = Canvas(width=100)
"""For formats that quote a block: no colour, and always the same width."""


def details(report: Report, verdict: Verdict) -> str:
    """Return what a check found, as in the terminal report."""
    return draw(_QUOTED, verdict_block(_QUOTED, report, verdict))


def details_with_causes(report: Report, verdict: Verdict) -> str:
    """Return the causes of a verdict, then what its check found."""
    causes = [
        draw(_QUOTED, diagnosis_block(_QUOTED, diagnosis)) for diagnosis in find_causes(report, verdict)
    ]
    return "\n".join((*causes, details(report, verdict)))


# A cause.


def diagnosis_block(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """Return a cause: certainty, sentence, layer, impact, explained checks, fix."""
    mark = status_text(canvas, STATUS_OF_SEVERITY[diagnosis.severity], _SEVERITY_WORDS[diagnosis.severity])
    title = Text.assemble(
        styled_text(canvas, diagnosis.cause, "bold", limit=60),
        styled_text(canvas, f", {diagnosis.confidence}"),
    )
    lines = wrap(canvas, title, indent=mark.cell_len + 2, first=mark)
    lines += wrap(canvas, styled_text(canvas, diagnosis.sentence), indent=2)
    is_confirmed = diagnosis.confidence == "confirmed"
    lines += _labelled(canvas, "layer", diagnosis.layer)
    lines += _labelled(canvas, "code", code_text(diagnosis))
    lines += _labelled(canvas, "confirmed" if is_confirmed else "not certain", diagnosis.confirmation)
    lines += depth_lines(canvas, diagnosis)
    lines += _labelled(canvas, "worst rows", row_list(diagnosis.rows))
    lines += impact_lines(canvas, diagnosis.damage)
    lines += _labelled(canvas, "explains", ", ".join(diagnosis.explains))
    lines += _growth_lines(canvas, diagnosis) + code_lines(canvas, "fix", diagnosis.advice)
    return _capped(canvas, lines)


def _labelled(canvas: Canvas, label: str, text: str | None) -> list[Text]:
    return labelled_lines(canvas, label, styled_text(canvas, text)) if text else []


def _growth_lines(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """A table of the layers where rounding grows most."""
    growth = diagnosis.evidence.get("growth", [])
    if not growth:
        return []
    rows = [
        (layer["layer"], format_number(layer["error"]), format_number(layer["grown"])) for layer in growth
    ]
    return _table(_cells(canvas, [_GROWTH_TITLES, *rows]), left=1)


# A check.


def verdict_block(
    canvas: Canvas, report: Report, verdict: Verdict, also: Sequence[Verdict] = ()
) -> list[Text]:
    """Return what a check that failed, warned or crashed found, and the next step.

    Args:
        canvas: where it is drawn.
        report: the report.
        verdict: of the check.
        also: verdicts of other checks that ended with the same error.
    """
    mark = status_text(canvas, verdict.status)
    title = styled_text(canvas, f"{verdict.code} {verdict.name}", "bold", limit=80)
    lines = wrap(canvas, title, indent=mark.cell_len + 2, first=mark)
    lines += wrap(canvas, styled_text(canvas, verdict.message), indent=2)
    lines += _labelled(canvas, "reason", verdict.reason)
    lines += _labelled(canvas, "same error", ", ".join(each.code for each in also))
    judged = decisive_comparison(verdict)
    if judged is not None:
        is_failed = verdict.status is Status.FAIL
        lines += _failure_lines(canvas, report, verdict) if is_failed else _pair_lines(canvas, report, judged)
    lines += _next_step_lines(canvas, report, verdict)
    return _capped(canvas, lines) + _reproducer_lines(canvas, report.reproducers.get(verdict.code))


def _next_step_lines(canvas: Canvas, report: Report, verdict: Verdict) -> list[Text]:
    """The known cause, whose block says how to fix it, or the check's own next step."""
    causes = [diagnosis.cause for diagnosis in find_causes(report, verdict)]
    if causes:
        return _labelled(canvas, "cause", f"{', '.join(causes)}, see above")
    advice = verdict.advice or f"kcheck explain {verdict.code}"
    return _unexplained_lines(canvas, report, verdict.code) + code_lines(canvas, "next", advice)


def _unexplained_lines(canvas: Canvas, report: Report, code: str) -> list[Text]:
    ruled_out = next((each.ruled_out for each in report.unexplained if each.code == code), None)
    if ruled_out is None:
        return []
    causes = "; ".join(f"{slug} ({reason})" for slug, reason in ruled_out.items())
    return [
        *_labelled(canvas, "cause", "unexplained: no known cause fits"),
        *_labelled(canvas, "ruled out", causes),
    ]


def _reproducer_lines(canvas: Canvas, command: str | None) -> list[Text]:
    """The command that shows this failure only."""
    label = "reproduce"
    margin = Text.assemble("  ", (label, "dim"), " " * (LABEL_WIDTH - len(label)))
    return command_lines(canvas, command, margin) if command else []


def _failure_lines(canvas: Canvas, report: Report, verdict: Verdict) -> list[Text]:
    ranked = sort_worst_first(verdict.judged)
    worst, further = ranked[0], [judged for judged in ranked[1:] if not judged.within]
    lines = _pair_lines(canvas, report, worst) + _worst_rows(canvas, worst)
    lines += _labelled(canvas, "decisions", decisions_text(worst.comparison))
    lines += _labelled(canvas, "would pass", offered_limit(report, verdict))
    pairs = [
        f"{pair_text(report, judged)} ({format_deviation(judged.comparison)})"
        for judged in further[:FURTHER_PAIRS]
    ]
    if len(further) > FURTHER_PAIRS:
        pairs.append(f"and {len(further) - FURTHER_PAIRS} more")
    return lines + _labelled(canvas, "also failed", "; ".join(pairs))


def _pair_lines(canvas: Canvas, report: Report, judged: Judged) -> list[Text]:
    """The routes that were compared, what decided, and how much the routes differ."""
    return [
        *_labelled(canvas, "compared", compared_text(report, judged)),
        *_labelled(canvas, "decided by", judged.reason),
        *_labelled(canvas, "difference", difference_text(judged.comparison)),
    ]


def _worst_rows(canvas: Canvas, judged: Judged) -> list[Text]:
    """A table of the rows that differ most; the index column is left out if it does not fit."""
    rows = [
        (f"{worst.row:,}", str(list(worst.index)), *format_values(worst), format_distance(worst.distance))
        for worst in judged.comparison.worst[:_WORST_ROWS]
    ]
    if not rows:
        return []
    cells = _cells(canvas, [_ROW_TITLES, *rows])
    if sum(_widths(cells)) + 2 * len(_ROW_TITLES) + _TABLE_INDENT > canvas.width:
        index = _ROW_TITLES.index("index")
        cells = [[cell for place, cell in enumerate(row) if place != index] for row in cells]
    return _table(cells, left=0)


def _cells(canvas: Canvas, rows: Sequence[Sequence[str]]) -> list[list[Text]]:
    return [
        [styled_text(canvas, cell, "" if place else "dim") for cell in row] for place, row in enumerate(rows)
    ]


def _table(cells: Sequence[Sequence[Text]], left: int) -> list[Text]:
    widths = _widths(cells)
    return [Text.assemble(" " * _TABLE_INDENT, align(row, widths, left, 2)) for row in cells]


def _widths(rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]


def _capped(canvas: Canvas, lines: list[Text]) -> list[Text]:
    if len(lines) <= LONGEST_BLOCK:
        return lines
    more = format_count(len(lines) - LONGEST_BLOCK + 1, "more line")
    return [*lines[: LONGEST_BLOCK - 1], styled_text(canvas, f"… {more}, all in --format json", "dim")]
