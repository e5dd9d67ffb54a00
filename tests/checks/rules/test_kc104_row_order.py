"""KC104: shuffled rows get the same answers."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc104_row_order import CHECK
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

LSTM = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),)}


@pytest.mark.parametrize(
    ("by", "status"), [(0.0, Status.PASS), (2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)]
)
def test_order(world: Any, by: float, status: Status, wording: SnapshotAssertion) -> None:
    found = world.where({"shuffled": world.moved(by)}).verdict(CHECK)
    assert found.status is status
    assert found.message == wording


def test_order_that_shows_on_the_shadow_alone(world: Any) -> None:
    assert (
        world.where({"shuffled-float64": world.moved(1e-9, precision="float64")}).verdict(CHECK).status
        is Status.FAIL
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"shuffled": crashed}).verdict(CHECK).status is Status.ERROR
    assert world.where({"shuffled": missing}).verdict(CHECK).status is Status.SKIP


@pytest.mark.parametrize(("said", "status"), [("consecutive", Status.SKIP), ("independent", Status.FAIL)])
def test_state_carried_on_purpose(world: Any, said: str, status: Status) -> None:
    changed = world.where({"shuffled": world.moved(0.5)}, facts=LSTM, data={"stateful_rows": said})
    assert changed.verdict(CHECK).status is status


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.SKIP), (0.5, Status.FAIL)])
def test_a_single_row_is_no_evidence_of_agreement(
    make_world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    one = make_world(1)
    found = one.where({"shuffled": one.moved(by, (0,))}).verdict(CHECK)
    assert found.status is status
    assert found.reason == wording
