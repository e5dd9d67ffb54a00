"""KC206: what a call costs, as information."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc206_call_cost import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace


def timed(predict: float, compiled: float, many: float = 2e-5) -> Trace:
    ways = {
        "predict": {"one": predict, "many": many},
        "call": {"one": 3e-3, "many": 1e-5},
        "compiled": {"one": compiled, "many": 5e-8},
    }
    return Trace(route="", details={"seconds_a_row": ways, "rows": 256})


def test_times_have_units(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"costs": timed(1.5, 4e-4)}).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording
    assert verdict.findings == timed(1.5, 4e-4).details


def test_hundreds_have_no_decimals(world: Any, wording: SnapshotAssertion) -> None:
    assert world.where({"costs": timed(0.25, 4e-4, many=1e-4)}).verdict(CHECK).message == wording


def test_an_eager_call_that_was_not_measured_for_many_rows_is_left_out(
    world: Any, wording: SnapshotAssertion
) -> None:
    trace = timed(0.25, 4e-4)
    del trace.details["seconds_a_row"]["call"]["many"]
    assert world.where({"costs": trace}).verdict(CHECK).message == wording


@pytest.mark.parametrize(
    ("predict", "compiled", "advised"),
    [(30e-3, 1e-3, True), (3e-3, 1e-3, True), (2e-3, 1e-3, False), (1.0, 0.0, False)],
    ids=["30 times", "3 times", "twice", "no time at all"],
)
def test_advice_only_where_it_is_worth_it(
    world: Any, predict: float, compiled: float, advised: bool, wording: SnapshotAssertion
) -> None:
    advice = world.where({"costs": timed(predict, compiled)}).verdict(CHECK).advice
    assert (advice is not None) is advised
    assert advice == wording


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    verdicts = [world.where({"costs": each}).verdict(CHECK) for each in (crashed, missing)]
    assert [(each.status, each.reason) for each in verdicts] == [
        (Status.SKIP, "costs: ValueError: boom"),
        (Status.SKIP, "not on this machine"),
    ]
