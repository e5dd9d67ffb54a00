"""The effect of a cause on the rows: affected rows, flipped decisions, units of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.measurement.data_facts import TargetFact
from keras_consistency_cli.measurement.facts import Decision
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["AffectedRow", "Impact", "measure_impact"]

_KEPT_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class AffectedRow:
    """The element of a row with the greatest difference.

    `margin` is the distance to a different decision: the lead of the greatest output over the next one, or
    the distance from the threshold; None if nothing is decided. `in_units` is the difference in the units of
    the targets, None without a target scaler.
    """

    row: int
    output: str
    index: tuple[int, ...]
    distance: float
    margin: float | None = None
    flipped: bool = False
    in_units: float | None = None


@dataclass(frozen=True, kw_only=True)
class Impact:
    """The effect of a cause, from the comparison with the most affected rows.

    `rows_hit` of the `rows` that were compared differ by more than the limit; `share` is the first divided by
    the second. `flipped` of `decisions` differ, first in `flipped_rows`.
    """

    rows_hit: int
    rows: int
    share: float
    worst: tuple[AffectedRow, ...] = ()
    decision: Decision | None = None
    decisions: int = 0
    flipped: int = 0
    flipped_rows: tuple[int, ...] = ()


def measure_impact(evidence: Evidence, verdicts: Sequence[Verdict]) -> Impact | None:
    """Return the effect of one cause; None if its verdicts compared and counted nothing.

    Args:
        evidence: the source of target units and of rows with NaN.
        verdicts: the verdicts that the cause explains.
    """
    judged = [
        each for verdict in verdicts for each in verdict.judged if not each.within or each.comparison.flipped
    ]
    judged = _from_ordinary_calls(judged) or judged
    if not judged:
        return _nonfinite_impact(evidence, verdicts)
    target = evidence.data.description.target if all(each.is_in_model_units for each in verdicts) else None
    most = max(judged, key=_extent)
    deciding = max(
        (each.comparison for each in judged),
        key=lambda each: (each.flipped, _share(each.flipped, each.decisions)),
    )
    return Impact(
        rows_hit=_affected(most),
        rows=_compared(most),
        share=_affected_share(most),
        worst=_worst_rows(target, [each.comparison for each in judged]),
        decision=deciding.decision,
        decisions=deciding.decisions,
        flipped=deciding.flipped,
        flipped_rows=deciding.flipped_rows,
    )


def _extent(judged: Judged) -> tuple[bool, int, float]:
    """How much a comparison says of the effect: of those with the same rows, that with the greatest share.

    Samples hold rows of NaN on purpose; their share is that among all rows.
    """
    share = _affected_share(judged)
    return not judged.within, _affected(judged), -share if judged.by_nonfinite else share


def _from_ordinary_calls(judged: Sequence[Judged]) -> list[Judged]:
    """Leave out neighbours of zeros, NaN and huge values, which no caller sends."""
    return [each for each in judged if each.limit.origin != "exact" or each.comparison.reference == REFERENCE]


def _affected(judged: Judged) -> int:
    """Rows beyond the limit; all rows that differ if the limit was not what decided."""
    if judged.within:
        return 0
    return judged.comparison.rows if judged.comparison.misshapen else judged.rows_beyond


def _compared(judged: Judged) -> int:
    """Rows among which the affected ones are counted; a route may run a part of the rows."""
    is_counted = not judged.within and not judged.comparison.misshapen
    return (judged.decisive if is_counted else judged.comparison).rows


def _affected_share(judged: Judged) -> float:
    return _share(_affected(judged), _compared(judged))


def _worst_rows(target: TargetFact | None, comparisons: Sequence[Comparison]) -> tuple[AffectedRow, ...]:
    """The rows with the greatest differences in any of the comparisons, each row once."""
    by_row: dict[int, AffectedRow] = {}
    for comparison in comparisons:
        for worst in comparison.worst:
            if worst.row not in by_row or by_row[worst.row].distance < worst.distance:
                by_row[worst.row] = _affected_row(comparison.output, worst, target)
    return tuple(sorted(by_row.values(), key=lambda row: -row.distance)[:_KEPT_ROWS])


def _affected_row(output: str, worst: WorstRow, target: TargetFact | None) -> AffectedRow:
    unit = target.unit(worst.index) if target is not None else None
    return AffectedRow(
        row=worst.row,
        output=output,
        index=worst.index,
        distance=worst.distance,
        margin=worst.margin,
        flipped=worst.flipped,
        in_units=None if unit is None else worst.distance * unit,
    )


def _nonfinite_impact(evidence: Evidence, verdicts: Sequence[Verdict]) -> Impact | None:
    """Rows with NaN or infinity, if the verdicts are about these."""
    nonfinite = {row for rows in evidence.data.nonfinite_rows.values() for row in rows}
    if not nonfinite or all(verdict.code != "KC701" for verdict in verdicts):
        return None
    return Impact(rows_hit=len(nonfinite), rows=evidence.rows, share=_share(len(nonfinite), evidence.rows))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
