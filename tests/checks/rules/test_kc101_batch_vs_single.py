"""KC101: the whole data set against one row at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc101_batch_vs_single import CHECK
from keras_consistency_cli.checks.rules.kc102_batch_size import CHECK as KC102
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.session.batches import AXIS_LOST
from keras_consistency_cli.routes.trace import Trace

LSTM = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),)}


def test_healthy(world: Any) -> None:
    found = world.verdict(CHECK)
    assert (found.status, found.code, found.name) == (Status.PASS, "KC101", "batch-vs-single")
    assert [each.comparison.candidate for each in found.judged] == ["one-by-one", "single-predict"]


@pytest.mark.parametrize("route", ["one-by-one", "single-predict"])
@pytest.mark.parametrize(
    ("by", "status"), [(2.0**-14, Status.PASS), (2.0**-12, Status.FAIL), (0.5, Status.FAIL)]
)
def test_a_row_alone_is_answered_differently(world: Any, route: str, by: float, status: Status) -> None:
    found = world.where({route: world.moved(by)}).verdict(CHECK)
    assert found.status is status
    assert found.message.startswith(
        "a row on its own is answered differently than in a batch, by up to "
        if status is Status.FAIL
        else "one row at a time"
    )


def test_three_rows_stand_for_all_in_the_literal_predict(world: Any) -> None:
    rows = np.array([0, 15, 31])
    answers = world.predict[rows] + np.array([[0], [0], [0.5]], np.float32)
    found = world.where({"single-predict": Trace(route="", outputs={"out": answers}, rows=rows)}).verdict(
        CHECK
    )
    assert (found.status, [each.row for each in found.judged[1].comparison.worst]) == (Status.FAIL, [31])


def test_a_leak_below_rounding_shows_on_the_shadow(world: Any) -> None:
    assert (
        world.where({"one-by-one-float64": world.moved(1e-9, precision="float64")}).verdict(CHECK).status
        is Status.FAIL
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"one-by-one": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"one-by-one": missing, "single-predict": missing}).verdict(CHECK).status is Status.SKIP
    )


@pytest.mark.parametrize(("said", "status"), [("consecutive", Status.SKIP), ("independent", Status.FAIL)])
def test_state_carried_on_purpose(world: Any, said: str, status: Status) -> None:
    changed = world.where({"one-by-one": world.moved(0.5)}, facts=LSTM, data={"stateful_rows": said})
    assert changed.verdict(CHECK).status is status


def test_a_lone_row_without_an_axis_fails(world: Any) -> None:
    told = f"{AXIS_LOST}: output 'out' has shape () or (2,)"
    for check in (CHECK, KC102):
        found = world.where({"one-by-one": Trace(route="", error=f"ValueError: {told}")}).verdict(
            replace(check, routes=("one-by-one",))
        )
        assert (found.status, found.message, found.findings) == (
            Status.FAIL,
            told,
            {"output_rows": {"out": 0}},
        )


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.SKIP), (0.5, Status.FAIL)])
def test_a_single_row_is_no_evidence_of_agreement(make_world: Any, by: float, status: Status) -> None:
    one = make_world(1)
    found = one.where({"one-by-one": one.moved(by, (0,))}).verdict(CHECK)
    assert found.status is status
    assert (found.reason == "a single row is alone in every batch: give two rows or more") is (
        status is Status.SKIP
    )
