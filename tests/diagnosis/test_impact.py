"""damage: rows hit, the worst of them with their margins, decisions flipped, and distances in the user's units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact, measure_impact
from keras_consistency_cli.measurement.comparison import Answers, compare
from keras_consistency_cli.measurement.facts import DataFacts, TargetFact
from keras_consistency_cli.measurement.tolerance import Limit

EXACT = Limit(value=0.0, origin="exact")


def judged(
    change: dict[int, float],
    *,
    limit: float = 1e-3,
    decision: Any = "threshold",
    reference: float = 0.75,
    rows: int = 20,
) -> Judged:
    """A candidate that is off by so much in these rows."""
    theirs = np.full((rows, 1), reference)
    mine = theirs.copy()
    for row, by in change.items():
        mine[row] += by
    found = compare(
        ("other", "predict"),
        Answers(outputs={"y": mine}),
        Answers(outputs={"y": theirs}),
        decisions={"y": decision},
    )[0]
    return Judged(
        comparison=found, limit=Limit(value=limit, origin="calibrated"), within=found.max_abs <= limit
    )


def failed(*pairs: Judged, code: str = "KC101") -> Verdict:
    return Verdict(status=Status.FAIL, message="", code=code, judged=pairs)


def test_rows_beyond_the_limit_are_counted_and_the_worst_named(evidence: Any) -> None:
    found = measure_impact(evidence(), [failed(judged({3: -0.5, 7: 0.125, 9: 1e-9}))])
    assert found == Impact(
        rows_hit=2,
        rows=20,
        share=0.1,
        worst=(
            AffectedRow(row=3, output="y", index=(0,), distance=0.5, margin=0.25, flipped=True),
            AffectedRow(row=7, output="y", index=(0,), distance=0.125, margin=0.25),
            AffectedRow(row=9, output="y", index=(0,), distance=pytest.approx(1e-9), margin=0.25),  # type: ignore[arg-type]
        ),
        decision="threshold",
        decisions=20,
        flipped=1,
        flipped_rows=(3,),
    )


def test_a_row_is_named_once_by_its_greatest_distance(evidence: Any) -> None:
    found = measure_impact(
        evidence(), [failed(judged({1: 0.1, 2: 0.3})), failed(judged({1: 0.2}), code="KC103")]
    )
    assert found is not None
    assert [(each.row, round(each.distance, 6)) for each in found.worst] == [(2, 0.3), (1, 0.2)]
    assert (found.rows_hit, found.share) == (2, 0.1)


def test_the_comparison_with_most_flips_tells_them_not_one_of_few_rows(evidence: Any) -> None:
    many, few = judged(dict.fromkeys(range(4), -0.5)), judged({0: -0.5}, rows=3)
    found = measure_impact(evidence(), [failed(few, many)])
    assert found is not None
    assert (found.flipped, found.decisions) == (4, 20)


def test_flips_inside_the_limit_count_although_no_row_is_hit(evidence: Any) -> None:
    inside = judged({4: -2e-4}, reference=0.5001)
    assert inside.within
    found = measure_impact(
        evidence(), [Verdict(status=Status.WARN, message="", code="KC101", judged=(inside,))]
    )
    assert found is not None
    assert (found.rows_hit, found.flipped, found.flipped_rows) == (0, 1, (4,))


@pytest.mark.parametrize(("units", "told"), [((250.0,), 125.0), ((), None)])
def test_distances_are_told_in_the_units_of_the_targets(
    evidence: Any, units: tuple[float, ...], told: float | None
) -> None:
    known = replace(
        evidence(), data={"description": DataFacts(target=TargetFact(kind="StandardScaler", units=units))}
    )
    found = measure_impact(known, [failed(judged({3: 0.5}, decision=None))])
    assert found is not None
    assert [(each.in_units, each.margin) for each in found.worst] == [(told, None)]


def test_rows_with_nan_are_the_damage_of_nan(evidence: Any) -> None:
    known = replace(evidence(), rows=40, data={"nonfinite_rows": {"a": [3, 17], "b": [3]}})
    assert measure_impact(known, [failed(code="KC701")]) == Impact(rows_hit=2, rows=40, share=0.05)
    assert measure_impact(known, [failed(code="KC303")]) is None


def test_nothing_compared_is_no_damage(evidence: Any) -> None:
    assert measure_impact(evidence(), [failed(judged({}))]) is None


def test_what_companions_are_made_of_is_no_damage_where_real_calls_tell_it(evidence: Any) -> None:
    """Replacing the neighbours by huge values moves a row by 9, calling the model as people do by 0.1."""
    swap = judged({5: 9.0})
    swap = replace(
        swap,
        comparison=replace(swap.comparison, candidate="companions", reference="companions-baseline"),
        limit=EXACT,
        within=False,
    )
    both = measure_impact(evidence(), [failed(swap, code="KC103"), failed(judged({1: 0.1, 2: 0.1}))])
    alone = measure_impact(evidence(), [failed(swap, code="KC103")])
    assert both is not None
    assert alone is not None
    assert ([each.row for each in both.worst], both.rows_hit) == ([1, 2], 2)
    assert ([each.row for each in alone.worst], alone.rows_hit) == ([5], 1)
