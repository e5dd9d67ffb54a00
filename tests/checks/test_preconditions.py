"""Reasons why a check cannot judge."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.preconditions import (
    FRESH,
    error_if_crashed,
    find_error,
    skip_if_fresh_process_differs,
    skip_if_state_is_carried_on_purpose,
    stop_unless_run,
)
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

CHECK = Check(
    code="KC999",
    name="n",
    title="t",
    explanation="",
    examine=lambda _evidence: Verdict.ok("m"),
    pairs=(FRESH,),
    routes=("call",),
)
LSTM = LayerFact(path="lstm", kind="LSTM", stateful=True)


def status_of(verdict: Verdict | None) -> Status | None:
    return verdict.status if verdict is not None else None


def test_a_route_that_did_not_run_stops_a_check(world: Any, crashed: Trace, missing: Trace) -> None:
    evidence = [world.where({"call": each}).evidence(CHECK) for each in (crashed, missing)]
    assert [status_of(stop_unless_run(each, "call")) for each in evidence] == [Status.ERROR, Status.SKIP]
    assert stop_unless_run(evidence[0], "predict") is None
    assert status_of(stop_unless_run(evidence[0], "no-such-route")) is Status.SKIP


def test_crashed_routes_are_named(world: Any, crashed: Trace) -> None:
    evidence = world.where({"call": crashed}).evidence(CHECK)
    verdict = error_if_crashed(evidence, ("predict", "call"))
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (Status.ERROR, "call: ValueError: boom")
    assert error_if_crashed(evidence, ("predict",)) is None


def test_an_error_is_found_by_its_beginning(world: Any, crashed: Trace) -> None:
    evidence = world.where({"call": crashed}).evidence(CHECK)
    assert (find_error(evidence, "bo"), find_error(evidence, "other")) == ("boom", None)


@pytest.mark.parametrize(("by", "status"), [(0.0, None), (0.5, Status.SKIP)])
def test_a_second_process_that_differs_is_a_skip(world: Any, by: float, status: Status | None) -> None:
    evidence = world.where({"fresh-process": world.moved(by)}).evidence(CHECK)
    assert status_of(skip_if_fresh_process_differs(evidence)) is status


def test_consecutive_rows_are_a_skip_only_for_a_stateful_layer(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdicts = [
        skip_if_state_is_carried_on_purpose(
            world.where(
                facts={"layers": layers}, data=DataContext(owner=OwnerFacts(stateful_rows=rows))
            ).evidence(CHECK)
        )
        for layers, rows in (((LSTM,), "consecutive"), ((), "consecutive"), ((LSTM,), "independent"))
    ]
    assert [status_of(verdict) for verdict in verdicts] == [Status.SKIP, None, None]
    assert verdicts[0] is not None
    assert verdicts[0].reason == wording
