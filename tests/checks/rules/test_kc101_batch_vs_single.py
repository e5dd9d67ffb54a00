"""KC101: the whole data set compared with one row at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc101_batch_vs_single import CHECK
from keras_consistency_cli.checks.rules.kc102_batch_size import CHECK as KC102
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.session.batches import AXIS_LOST
from keras_consistency_cli.routes.trace import Trace

LSTM = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),)}


def test_healthy(world: Any) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.code, verdict.name) == (Status.PASS, "KC101", "batch-vs-single")
    assert [each.comparison.candidate for each in verdict.judged] == ["one-by-one", "single-predict"]


@pytest.mark.parametrize("route", ["one-by-one", "single-predict"])
@pytest.mark.parametrize(
    ("by", "status"), [(2.0**-14, Status.PASS), (2.0**-12, Status.FAIL), (0.5, Status.FAIL)]
)
def test_different_outputs_for_a_row_alone_fail(
    world: Any, route: str, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where({route: world.moved(by)}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording


def test_three_rows_stand_for_all_in_the_literal_predict(world: Any) -> None:
    rows = np.array([0, 15, 31])
    answers = world.predict[rows] + np.array([[0], [0], [0.5]], np.float32)
    verdict = world.where({"single-predict": Trace(route="", outputs={"out": answers}, rows=rows)}).verdict(
        CHECK
    )
    assert (verdict.status, [each.row for each in verdict.judged[1].comparison.worst]) == (Status.FAIL, [31])


def test_a_leak_below_rounding_shows_on_the_float64_copy(world: Any) -> None:
    assert (
        world.where({"one-by-one-float64": world.moved(1e-9, precision="float64")}).verdict(CHECK).status
        is Status.FAIL
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"one-by-one": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"one-by-one": missing, "single-predict": missing}).verdict(CHECK).status is Status.SKIP
    )


@pytest.mark.parametrize(("declared", "status"), [("consecutive", Status.SKIP), ("independent", Status.FAIL)])
def test_state_carried_on_purpose(world: Any, declared: str, status: Status) -> None:
    changed = world.where(
        {"one-by-one": world.moved(0.5)},
        facts=LSTM,
        data=DataContext(owner=OwnerFacts(stateful_rows=declared)),
    )
    assert changed.verdict(CHECK).status is status


def test_a_single_row_without_a_row_axis_fails(world: Any, wording: SnapshotAssertion) -> None:
    message = f"{AXIS_LOST}: output 'out' has shape () or (2,)"
    for check in (CHECK, KC102):
        verdict = world.where({"one-by-one": Trace(route="", error=f"ValueError: {message}")}).verdict(
            replace(check, routes=("one-by-one",))
        )
        assert (verdict.status, verdict.message, verdict.findings) == (
            Status.FAIL,
            wording,
            {"output_rows": {"out": 0}},
        )


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.SKIP), (0.5, Status.FAIL)])
def test_a_single_row_does_not_show_agreement(
    make_world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    one = make_world(1)
    verdict = one.where({"one-by-one": one.moved(by, (0,))}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.reason == wording
