"""Blocks of the terminal report: one for each cause, and one for each check that did not simply pass."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.cause_details import damage_lines, depth_lines
from keras_consistency_cli.reporting.parts.check_table import status_text
from keras_consistency_cli.reporting.parts.layout import (
    LABEL_WIDTH,
    aligned,
    code_lines,
    labelled,
    pasted,
    wrapped,
    written,
)
from keras_consistency_cli.reporting.parts.noise_multiple import worst_first
from keras_consistency_cli.reporting.parts.number_format import both_values, count, deviation, number
from keras_consistency_cli.reporting.parts.verdict_summary import (
    apart,
    causes_of,
    flips,
    pair,
    rows_named,
    telling,
    would_pass,
)
from keras_consistency_cli.reporting.report import Report

__all__ = ["LONGEST_BLOCK", "diagnosis_block", "verdict_block"]

LONGEST_BLOCK = 40
"""Lines of one block at most; the JSON report has everything."""
_WORST_ROWS = 3
_OTHERS = 3
_STATUS_OF_SEVERITY = {"fail": Status.FAIL, "warn": Status.WARN, "info": Status.SKIP}
_SEVERITY_WORDS = {"fail": "CAUSE", "warn": "CAUSE of a warning", "info": "NOTED"}
_TABLE_INDENT = 4
_GROWTH_TITLES = ("layer", "error", "× growth")
_ROW_TITLES = ("row", "index", "candidate", "reference", "distance")


def diagnosis_block(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """Return a cause: how sure, in words, where, which checks it explains, what to change."""
    mark = status_text(canvas, _STATUS_OF_SEVERITY[diagnosis.severity], _SEVERITY_WORDS[diagnosis.severity])
    title = Text.assemble(
        written(canvas, diagnosis.cause, "bold", limit=60), written(canvas, f", {diagnosis.confidence}")
    )
    lines = wrapped(canvas, title, indent=mark.cell_len + 2, first=mark)
    lines += wrapped(canvas, written(canvas, diagnosis.sentence), indent=2)
    if diagnosis.layer:
        lines += labelled(canvas, "layer", written(canvas, diagnosis.layer))
    if diagnosis.confirmation:
        label = "confirmed" if diagnosis.confidence == "confirmed" else "not certain"
        lines += labelled(canvas, label, written(canvas, diagnosis.confirmation))
    lines += depth_lines(canvas, diagnosis)
    if diagnosis.rows:
        lines += labelled(canvas, "rows", written(canvas, rows_named(diagnosis.rows)))
    lines += damage_lines(canvas, diagnosis.damage)
    if diagnosis.explains:
        lines += labelled(canvas, "explains", written(canvas, ", ".join(diagnosis.explains)))
    return _capped(
        canvas, lines + _growth(canvas, diagnosis) + code_lines(canvas, "to mend", diagnosis.advice)
    )


def _growth(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """A small table of the layers at which rounding grows most: relative error of what comes out, and how much more it is than what went in."""
    measured = diagnosis.evidence.get("growth", ())
    rows = [
        _GROWTH_TITLES,
        *((each["layer"], number(each["error"]), number(each["grown"])) for each in measured),
    ]
    texts = [[written(canvas, cell, "dim" if at == 0 else "") for cell in row] for at, row in enumerate(rows)]
    widths = _widths(texts)
    return (
        [Text.assemble(" " * _TABLE_INDENT, aligned(row, widths, 1, 2)) for row in texts] if measured else []
    )


def verdict_block(canvas: Canvas, report: Report, verdict: Verdict) -> list[Text]:
    """Return what a check that failed, errored or warned found, and the next step."""
    mark = status_text(canvas, verdict.status)
    lines = wrapped(
        canvas,
        written(canvas, f"{verdict.code} {verdict.name}", "bold", limit=80),
        indent=mark.cell_len + 2,
        first=mark,
    )
    lines += wrapped(canvas, written(canvas, verdict.message), indent=2)
    if verdict.reason:
        lines += labelled(canvas, "reason", written(canvas, verdict.reason))
    worst = telling(verdict)
    if worst is not None:
        lines += (
            _evidence(canvas, report, worst_first(verdict.judged))
            if verdict.status is Status.FAIL
            else _measured(canvas, report, worst)
        )
    causes = [diagnosis.cause for diagnosis in causes_of(report, verdict)]
    if causes:
        # What is to be mended stands with the cause; the check's own next step looks for one.
        lines += labelled(canvas, "cause", written(canvas, ", ".join(causes) + ", see above"))
        return _capped(canvas, lines) + _alone(canvas, report.reproducers.get(verdict.code))
    lines += _left_open(canvas, report, verdict.code)
    lines += code_lines(canvas, "next", verdict.advice or f"kcheck explain {verdict.code}")
    return _capped(canvas, lines) + _alone(canvas, report.reproducers.get(verdict.code))


def _left_open(canvas: Canvas, report: Report, code: str) -> list[Text]:
    """That no known cause explains a failure, and which ones it is not."""
    ruled_out = next((each.ruled_out for each in report.unexplained if each.code == code), None)
    if ruled_out is None:
        return []
    lines = labelled(canvas, "cause", written(canvas, "unexplained: it has the marks of no known cause"))
    told = "; ".join(f"{slug} ({why})" for slug, why in ruled_out.items())
    return lines + (labelled(canvas, "ruled out", written(canvas, told)) if told else [])


def _alone(canvas: Canvas, command: str | None) -> list[Text]:
    """The command that shows this failure alone."""
    margin = Text.assemble("  ", ("alone", "dim"), " " * (LABEL_WIDTH - len("alone")))
    return pasted(canvas, command, margin) if command else []


def _evidence(canvas: Canvas, report: Report, ranked: Sequence[Judged]) -> list[Text]:
    worst, others = ranked[0], [one for one in ranked[1:] if not one.within]
    lines = _measured(canvas, report, worst)
    lines += _worst_rows(canvas, worst)
    if worst.comparison.flipped:
        lines += labelled(canvas, "decisions", written(canvas, flips(worst.comparison)))
    enough = would_pass([worst, *others])
    lines += labelled(canvas, "would pass", written(canvas, enough)) if enough else []
    if others:
        named = [f"{pair(report, one)} {deviation(one.comparison)}" for one in others[:_OTHERS]]
        more = [f"and {len(others) - _OTHERS} more"] if len(others) > _OTHERS else []
        lines += labelled(canvas, "also failed", written(canvas, "; ".join(named + more)))
    return lines


def _measured(canvas: Canvas, report: Report, judged: Judged) -> list[Text]:
    """Which routes were compared, which instrument decided, and how far apart they are."""
    lines = labelled(canvas, "compared", written(canvas, pair(report, judged, "the reference ")))
    if judged.reason:
        lines += labelled(canvas, "decided by", written(canvas, judged.reason))
    return lines + (
        labelled(canvas, "apart", written(canvas, apart(judged.comparison)))
        if apart(judged.comparison)
        else []
    )


def _worst_rows(canvas: Canvas, judged: Judged) -> list[Text]:
    """A small table of the rows that moved most; the index column gives way where it does not fit."""
    rows = [list(_ROW_TITLES)]
    for worst in judged.comparison.worst[:_WORST_ROWS]:
        rows.append([f"{worst.row:,}", str(list(worst.index)), *both_values(worst), number(worst.distance)])
    if len(rows) == 1:
        return []
    texts = [[written(canvas, cell, "dim" if at == 0 else "") for cell in row] for at, row in enumerate(rows)]
    if sum(_widths(texts)) + 2 * len(_ROW_TITLES) + _TABLE_INDENT > canvas.width:
        texts = [[cell for at, cell in enumerate(row) if _ROW_TITLES[at] != "index"] for row in texts]
    widths = _widths(texts)
    return [Text.assemble(" " * _TABLE_INDENT, aligned(row, widths, 0, 2)) for row in texts]


def _widths(rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]


def _capped(canvas: Canvas, lines: list[Text]) -> list[Text]:
    if len(lines) <= LONGEST_BLOCK:
        return lines
    left = len(lines) - LONGEST_BLOCK + 1
    return [
        *lines[: LONGEST_BLOCK - 1],
        written(canvas, f"… {count(left, 'more line')}, all in --format json", "dim"),
    ]
