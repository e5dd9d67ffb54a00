"""KC104: shuffled rows get the same outputs."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc104_row_order import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

LSTM = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),)}


@pytest.mark.parametrize(
    ("by", "status"), [(0.0, Status.PASS), (2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)]
)
def test_order(world: Any, by: float, status: Status, wording: SnapshotAssertion) -> None:
    verdict = world.where({"shuffled": world.moved(by)}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording


def test_order_that_shows_only_on_the_float64_copy(world: Any) -> None:
    assert (
        world.where({"shuffled-float64": world.moved(1e-9, precision="float64")}).verdict(CHECK).status
        is Status.FAIL
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"shuffled": crashed}).verdict(CHECK).status is Status.ERROR
    assert world.where({"shuffled": missing}).verdict(CHECK).status is Status.SKIP


@pytest.mark.parametrize(("declared", "status"), [("consecutive", Status.SKIP), ("independent", Status.FAIL)])
def test_state_carried_on_purpose(world: Any, declared: str, status: Status) -> None:
    changed = world.where(
        {"shuffled": world.moved(0.5)}, facts=LSTM, data=DataContext(owner=OwnerFacts(stateful_rows=declared))
    )
    assert changed.verdict(CHECK).status is status


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.SKIP), (0.5, Status.FAIL)])
def test_a_single_row_does_not_show_agreement(
    make_world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    one = make_world(1)
    verdict = one.where({"shuffled": one.moved(by, (0,))}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.reason == wording
