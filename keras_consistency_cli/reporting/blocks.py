"""Blocks of the terminal report: one for each cause, and one for each check that did not simply pass."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from keras_consistency_cli.checks import CHECKS
from keras_consistency_cli.checks.base import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.base import Diagnosis
from keras_consistency_cli.diagnosis.causes_precision import ROUNDING_CAUSE
from keras_consistency_cli.report import Report
from keras_consistency_cli.reporting.canvas import Canvas
from keras_consistency_cli.reporting.check_table import status_text
from keras_consistency_cli.reporting.layout import aligned, code_lines, labelled, wrapped, written
from keras_consistency_cli.reporting.measures import worst_first
from keras_consistency_cli.reporting.words import at_least, both_values, count, deviation, number

__all__ = ["LONGEST_BLOCK", "diagnosis_block", "verdict_block"]

LONGEST_BLOCK = 40
"""Lines of one block at most; the JSON report has everything."""
_WORST_ROWS = 3
_OTHERS = 3
_ROWS_NAMED = 8
_STATUS_OF_SEVERITY = {"fail": Status.FAIL, "warn": Status.WARN, "info": Status.SKIP}
_SEVERITY_WORDS = {"fail": "CAUSE", "warn": "CAUSE of a warning", "info": "NOTED"}
_TABLE_INDENT = 4
_GROWTH_TITLES = ("layer", "error", "× growth")
_ALWAYS_EXACT = {(pair.candidate, pair.reference) for check in CHECKS for pair in check.pairs if pair.exact}
"""Pairs that no stated limit applies to."""
_ROW_TITLES = ("row", "index", "candidate", "reference", "distance")


def diagnosis_block(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """Return a cause: how sure, in words, where, which checks it explains, what to change."""
    mark = status_text(canvas, _STATUS_OF_SEVERITY[diagnosis.severity], _SEVERITY_WORDS[diagnosis.severity])
    title = Text.assemble(written(canvas, diagnosis.cause, "bold", limit=60), written(canvas, f", {diagnosis.confidence}"))
    lines = wrapped(canvas, title, indent=mark.cell_len + 2, first=mark)
    lines += wrapped(canvas, written(canvas, diagnosis.sentence), indent=2)
    if diagnosis.layer:
        lines += labelled(canvas, "layer", written(canvas, diagnosis.layer))
    if diagnosis.rows:
        more = len(diagnosis.rows) - _ROWS_NAMED
        named = ", ".join(str(row) for row in diagnosis.rows[:_ROWS_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        lines += labelled(canvas, "rows", written(canvas, named))
    if diagnosis.explains:
        lines += labelled(canvas, "explains", written(canvas, ", ".join(diagnosis.explains)))
    return _capped(canvas, lines + _growth(canvas, diagnosis) + code_lines(canvas, "to mend", diagnosis.advice))


def _growth(canvas: Canvas, diagnosis: Diagnosis) -> list[Text]:
    """A small table of the layers at which rounding grows most: relative error of what comes out, and how much more it is than what went in."""
    measured = diagnosis.evidence.get("growth", ())
    rows = [_GROWTH_TITLES, *((each["layer"], number(each["error"]), number(each["grown"])) for each in measured)]
    texts = [[written(canvas, cell, "dim" if at == 0 else "") for cell in row] for at, row in enumerate(rows)]
    widths = _widths(texts)
    return [Text.assemble(" " * _TABLE_INDENT, aligned(row, widths, 1, 2)) for row in texts] if measured else []


def verdict_block(canvas: Canvas, report: Report, verdict: Verdict) -> list[Text]:
    """Return what a check that failed, errored or warned found, and the next step."""
    mark = status_text(canvas, verdict.status)
    lines = wrapped(canvas, written(canvas, f"{verdict.code} {verdict.name}", "bold", limit=80), indent=mark.cell_len + 2, first=mark)
    lines += wrapped(canvas, written(canvas, verdict.message), indent=2)
    if verdict.reason:
        lines += labelled(canvas, "reason", written(canvas, verdict.reason))
    ranked = worst_first(verdict.judged)
    if ranked and verdict.status is Status.FAIL:
        lines += _evidence(canvas, report, ranked)
    elif ranked:
        lines += _measured(canvas, report, ranked[0])
    causes = [diagnosis.cause for diagnosis in report.diagnoses if verdict.code in diagnosis.explains]
    if causes:
        lines += labelled(canvas, "cause", written(canvas, ", ".join(causes) + ", see above"))
    # What to look for where answers differ is of no use where nothing but rounding does.
    advice = "" if ROUNDING_CAUSE.slug in causes else verdict.advice or ("" if causes else f"kcheck explain {verdict.code}")
    return _capped(canvas, lines + code_lines(canvas, "next", advice))


def _evidence(canvas: Canvas, report: Report, ranked: Sequence[Judged]) -> list[Text]:
    worst, others = ranked[0], [one for one in ranked[1:] if not one.within]
    lines = _measured(canvas, report, worst)
    lines += _worst_rows(canvas, worst)
    if worst.comparison.flipped:
        flips = f"{count(worst.comparison.flipped, 'decision')} flipped ({worst.comparison.decision}) in {count(worst.comparison.rows, 'row')}"
        lines += labelled(canvas, "decisions", written(canvas, flips))
    lines += labelled(canvas, "would pass", written(canvas, _would_pass([worst, *others])))
    if others:
        named = [f"{_pair(report, one)} {deviation(one.comparison)}" for one in others[:_OTHERS]]
        more = [f"and {len(others) - _OTHERS} more"] if len(others) > _OTHERS else []
        lines += labelled(canvas, "also failed", written(canvas, "; ".join(named + more)))
    return lines


def _measured(canvas: Canvas, report: Report, judged: Judged) -> list[Text]:
    """Which routes were compared, which instrument decided, and how far apart they are."""
    comparison = judged.comparison
    lines = labelled(canvas, "compared", written(canvas, _pair(report, judged, "the reference ")))
    if judged.reason:
        lines += labelled(canvas, "decided by", written(canvas, judged.reason))
    if comparison.misshapen:
        return lines
    odd = f"{count(comparison.nonfinite, 'value')} finite on one side only, the others " if comparison.nonfinite else ""
    apart = f"{odd}at most {number(comparison.max_abs)}, {comparison.rows_differing:,} of {count(comparison.rows, 'row')} differ"
    return lines + labelled(canvas, "apart", written(canvas, apart))


def _pair(report: Report, judged: Judged, said_of_reference: str = "") -> str:
    """The two routes, and the output where the model has several."""
    comparison = judged.comparison
    several = len(report.facts.outputs if report.facts else report.noise) > 1
    return f"{comparison.candidate} against {said_of_reference}{comparison.reference}" + (f", output '{comparison.output}'" if several else "")


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


def _would_pass(failing: Sequence[Judged]) -> str:
    """The smallest stated limit that would let all of these pass, where one could."""
    if any(one.comparison.misshapen for one in failing):
        return "no limit lets answers of different shapes pass"
    if any(one.comparison.nonfinite for one in failing):
        return "no limit lets NaN or infinity on one side pass"
    stateable = [one.comparison.max_abs for one in failing if (one.comparison.candidate, one.comparison.reference) not in _ALWAYS_EXACT]
    if not stateable or max(stateable) <= 0:
        return "the same bits only: no limit applies"
    rest = "; the exact comparisons would still fail" if len(stateable) < len(failing) else ""
    return f"with --rtol 0 --atol {at_least(max(stateable))}{rest}"


def _capped(canvas: Canvas, lines: list[Text]) -> list[Text]:
    if len(lines) <= LONGEST_BLOCK:
        return lines
    left = len(lines) - LONGEST_BLOCK + 1
    return [*lines[: LONGEST_BLOCK - 1], written(canvas, f"… {count(left, 'more line')}, all in --format json", "dim")]
