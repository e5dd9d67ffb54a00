"""Impact: affected rows, their margins, flipped decisions and units of the targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.diagnosis.impact import AffectedRow, Impact, measure_impact
from keras_consistency_cli.measurement.data_facts import DataFacts, TargetFact
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Limit

EXACT = Limit(value=0.0, origin="exact")


def judged(
    change: dict[int, float],
    *,
    limit: float = 1e-3,
    decision: Any = "threshold",
    reference: float = 0.75,
    rows: int = 20,
) -> Judged:
    """A candidate that differs by these amounts in these rows."""
    expected = np.full((rows, 1), reference)
    changed = expected.copy()
    for row, by in change.items():
        changed[row] += by
    comparison = compare(
        ("other", "predict"),
        RowOutputs(outputs={"y": changed}),
        RowOutputs(outputs={"y": expected}),
        decisions={"y": decision},
    )[0]
    return Judged(
        comparison=comparison,
        limit=Limit(value=limit, origin="calibrated"),
        within=comparison.max_abs <= limit,
    )


def failed(*pairs: Judged, code: str = "KC101") -> Verdict:
    return Verdict(status=Status.FAIL, message="", code=code, judged=pairs)


def test_rows_beyond_the_limit_are_counted_and_the_worst_listed(evidence: Any) -> None:
    impact = measure_impact(evidence(), [failed(judged({3: -0.5, 7: 0.125, 9: 1e-9}))])
    assert impact == Impact(
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


def test_of_nan_the_rows_that_hold_it_are_counted(evidence: Any) -> None:
    """The other rows differ by rounding, and the smaller sample was chosen to hold the rows of NaN."""
    changes = {3: float("nan"), 7: float("nan"), 9: 1e-9}
    pairs = [replace(judged(changes, rows=rows), within=False, by_nonfinite=True) for rows in (10, 20)]
    impact = measure_impact(evidence(), [failed(*pairs)])
    assert impact is not None
    assert (impact.rows_hit, impact.rows) == (2, 20)


def test_the_share_is_of_the_rows_that_were_compared(evidence: Any) -> None:
    """The float64 copy ran one batch of 8 rows, and the limit is about that."""
    ordinary, batch = judged({3: 0.5}), judged(dict.fromkeys(range(8), 0.5), rows=8)
    limit = Limit(value=1e-15, origin="calibrated", measure="float64")
    by_float64 = replace(ordinary, limit=limit, float64_pair=batch.comparison, within=False)
    impact = measure_impact(evidence(), [failed(by_float64, code="KC201")])
    assert impact is not None
    assert (impact.rows_hit, impact.rows, impact.share) == (8, 8, 1.0)


def test_a_row_is_listed_once_with_its_greatest_difference(evidence: Any) -> None:
    impact = measure_impact(
        evidence(), [failed(judged({1: 0.1, 2: 0.3})), failed(judged({1: 0.2}), code="KC103")]
    )
    assert impact is not None
    assert [(each.row, round(each.distance, 6)) for each in impact.worst] == [(2, 0.3), (1, 0.2)]
    assert (impact.rows_hit, impact.share) == (2, 0.1)


def test_flips_are_those_of_the_comparison_with_most_of_them(evidence: Any) -> None:
    many, few = judged(dict.fromkeys(range(4), -0.5)), judged({0: -0.5}, rows=3)
    impact = measure_impact(evidence(), [failed(few, many)])
    assert impact is not None
    assert (impact.flipped, impact.decisions) == (4, 20)


def test_flips_within_the_limit_count_although_no_row_is_affected(evidence: Any) -> None:
    inside = judged({4: -2e-4}, reference=0.5001)
    assert inside.within
    impact = measure_impact(
        evidence(), [Verdict(status=Status.WARN, message="", code="KC101", judged=(inside,))]
    )
    assert impact is not None
    assert (impact.rows_hit, impact.flipped, impact.flipped_rows) == (0, 1, (4,))


@pytest.mark.parametrize(("units", "expected"), [((250.0,), 125.0), ((), None)])
def test_differences_are_given_in_the_units_of_the_targets(
    evidence: Any, units: tuple[float, ...], expected: float | None
) -> None:
    known = replace(
        evidence(),
        data=DataContext(description=DataFacts(target=TargetFact(kind="StandardScaler", units=units))),
    )
    impact = measure_impact(known, [failed(judged({3: 0.5}, decision=None))])
    assert impact is not None
    assert [(each.in_units, each.margin) for each in impact.worst] == [(expected, None)]
    for findings in ({"contradictions": {"y": "outputs × 3"}}, {"forms": {"y": "logits"}}):
        recorded = replace(failed(judged({3: 0.5}, decision=None)), findings=findings)
        impact = measure_impact(known, [recorded])
        assert impact is not None
        assert [each.in_units for each in impact.worst] == [None]


def test_rows_with_nan_are_affected_by_nan(evidence: Any) -> None:
    known = replace(evidence(), rows=40, data=DataContext(nonfinite_rows={"a": [3, 17], "b": [3]}))
    assert measure_impact(known, [failed(code="KC701")]) == Impact(rows_hit=2, rows=40, share=0.05)
    assert measure_impact(known, [failed(code="KC303")]) is None


def test_without_a_comparison_there_is_no_impact(evidence: Any) -> None:
    assert measure_impact(evidence(), [failed(judged({}))]) is None


def test_replaced_neighbours_do_not_count_if_ordinary_calls_differ(evidence: Any) -> None:
    """Huge values as neighbours change a row by 9, ordinary calls by 0.1."""
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
