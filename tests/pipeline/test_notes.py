"""notes: the remarks of a report that belong to no single check."""

from __future__ import annotations

from dataclasses import replace

from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison, WorstRow
from keras_consistency_cli.measurement.data_facts import (
    DataFacts,
    RowsFact,
    ScalingFact,
    TargetFact,
)
from keras_consistency_cli.measurement.policy import Limit
from keras_consistency_cli.pipeline import notes


def test_lost_workers_and_missing_protection_are_noted(wording: SnapshotAssertion) -> None:
    noted = list(notes.note_workers(["its process was killed by SIGKILL"], ["network: no filter"]))
    assert len(noted) == 2
    assert noted == wording
    assert list(notes.note_workers((), ())) == []


def test_a_skipped_required_check_is_noted(wording: SnapshotAssertion) -> None:
    skipped = Verdict(status=Status.SKIP, message="", reason="no scaler", code="KC301", name="scaler-reuse")
    noted = list(notes.note_required(["KC301"], [skipped]))
    assert noted == wording
    assert list(notes.note_required([], [skipped])) == []


def test_scaling_of_several_axes_is_noted(wording: SnapshotAssertion) -> None:
    scaling = ScalingFact(kind="StandardScaler", input="x")
    rows = RowsFact(input="x", rows=8, shape=(5, 3), columns=())
    assert list(notes.note_scaling(DataFacts(scaling=scaling, raw=(rows,)))) == wording
    flat = RowsFact(input="x", rows=8, shape=(3,), columns=())
    assert list(notes.note_scaling(DataFacts(scaling=scaling, raw=(flat,)))) == []


def test_differences_are_noted_in_the_units_of_the_targets(wording: SnapshotAssertion) -> None:
    worst = WorstRow(row=1, index=(0,), candidate=1.5, reference=1.0, distance=0.5)
    pair = Comparison(candidate="a", reference="b", output="y", max_abs=0.5, worst=(worst,))
    judged = Judged(comparison=pair, limit=Limit(value=0.1, origin="calibrated"), within=False)
    failed = Verdict(status=Status.FAIL, message="", code="KC101", judged=(judged,))
    target = TargetFact(kind="StandardScaler", units=(200.0,))
    assert list(notes.note_target_units(DataFacts(target=target), [failed])) == wording
    without_unit = DataFacts(target=TargetFact(kind="PowerTransformer"))
    assert list(notes.note_target_units(without_unit, [failed])) == wording
    assert list(notes.note_target_units(DataFacts(), [failed])) == []
    recorded = replace(failed, code="KC802", findings={"contradictions": {"y": "outputs × 3"}})
    assert list(notes.note_target_units(DataFacts(target=target), [recorded])) == []
