"""Damage: how many rows a cause hits, which ones most, how near their decisions were, and what it comes to in the user's own units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Judged, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.facts import Decision
from keras_consistency_cli.routes.trace import REFERENCE

__all__ = ["Damage", "HitRow", "damage_of"]

_KEPT_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class HitRow:
    """The element of a row that moved most.

    `margin` is how near the decision there was: the lead of the greatest answer over the next, or the distance from the threshold; None where
    nothing is decided. `in_units` is the distance in the units of the targets, None where no target scaler tells them.
    """

    row: int
    output: str
    index: tuple[int, ...]
    distance: float
    margin: float | None = None
    flipped: bool = False
    in_units: float | None = None


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What a cause does to the rows checked, by the comparison in which it hits most of them.

    `rows_hit` of `rows` moved beyond the limit, which is `share` of them; `flipped` of `decisions` come out differently, in
    `flipped_rows` among others.
    """

    rows_hit: int
    rows: int
    share: float
    worst: tuple[HitRow, ...] = ()
    decision: Decision | None = None
    decisions: int = 0
    flipped: int = 0
    flipped_rows: tuple[int, ...] = ()


def damage_of(evidence: Evidence, verdicts: Sequence[Verdict]) -> Damage | None:
    """Return what the verdicts of one cause say of its damage; None where they compared nothing and counted no rows.

    Args:
        evidence: where target units and rows with NaN are known.
        verdicts: those that the cause explains.
    """
    judged = [
        each for verdict in verdicts for each in verdict.judged if not each.within or each.comparison.flipped
    ]
    # Companions of zeros, NaN and huge values prove a leak; what they do to a row is nothing that happens when the model is called.
    judged = [
        each for each in judged if each.limit.origin != "exact" or each.comparison.reference == REFERENCE
    ] or judged
    if not judged:
        return _bad_rows(evidence, verdicts)
    most = max(
        judged, key=lambda each: (not each.within, _hit(each), _share(_hit(each), each.comparison.rows))
    )
    deciding = max(
        (each.comparison for each in judged),
        key=lambda each: (each.flipped, _share(each.flipped, each.decisions)),
    )
    return Damage(
        rows_hit=_hit(most),
        rows=most.comparison.rows,
        share=_share(_hit(most), most.comparison.rows),
        worst=_worst(evidence, [each.comparison for each in judged]),
        decision=deciding.decision,
        decisions=deciding.decisions,
        flipped=deciding.flipped,
        flipped_rows=deciding.flipped_rows,
    )


def _hit(judged: Judged) -> int:
    """Rows beyond the limit; those that differ at all where another instrument than the limit decided."""
    comparison = judged.comparison
    if judged.within:
        return 0
    return (
        comparison.rows
        if comparison.misshapen
        else comparison.rows_over(judged.limit.value) or comparison.rows_differing
    )


def _worst(evidence: Evidence, comparisons: Sequence[Comparison]) -> tuple[HitRow, ...]:
    """The rows that moved most in any of the comparisons, each once."""
    target = evidence.data.description.target
    found: dict[int, HitRow] = {}
    for comparison in comparisons:
        for each in comparison.worst:
            if each.row not in found or found[each.row].distance < each.distance:
                unit = target.unit(each.index) if target is not None else None
                found[each.row] = HitRow(
                    row=each.row,
                    output=comparison.output,
                    index=each.index,
                    distance=each.distance,
                    margin=each.margin,
                    flipped=each.flipped,
                    in_units=None if unit is None else each.distance * unit,
                )
    return tuple(sorted(found.values(), key=lambda each: -each.distance)[:_KEPT_ROWS])


def _bad_rows(evidence: Evidence, verdicts: Sequence[Verdict]) -> Damage | None:
    """Rows with NaN or infinity, where that is what the verdicts are about."""
    bad = {row for rows in evidence.data.nonfinite_rows.values() for row in rows}
    if not bad or all(verdict.code != "KC701" for verdict in verdicts):
        return None
    return Damage(rows_hit=len(bad), rows=evidence.rows, share=_share(len(bad), evidence.rows))


def _share(some: int, of: int) -> float:
    return some / of if of else 0.0
