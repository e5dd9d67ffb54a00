"""KC103: neighbours must not change a single bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc103_companion_swap import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.policy import Policy, UserLimit
from keras_consistency_cli.routes.trace import Trace

BOTH = ("companions", "companions-float64")


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert {each.limit.origin for each in verdict.judged} == {"exact"}


@pytest.mark.parametrize("policy", [Policy(), Policy(stated=UserLimit(rtol=1.0, atol=1.0))])
@pytest.mark.parametrize(
    ("route", "precision", "by"),
    [("companions", "float32", 2.0**-22), ("companions-float64", "float64", 1e-14)],
)
def test_a_single_bit_fails_whatever_the_limit(
    world: Any, policy: Policy, route: str, precision: str, by: float, wording: SnapshotAssertion
) -> None:
    verdict = world.where({route: world.moved(by, precision=precision)}, policy=policy).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording


def test_nan_in_a_neighbour_that_reaches_the_row_fails(world: Any) -> None:
    assert world.where({"companions": world.moved(np.nan)}).verdict(CHECK).status is Status.FAIL


@pytest.mark.parametrize(
    "details", [{"deterministic": False}, {"misshapen": True}], ids=["random", "no row axis"]
)
@pytest.mark.parametrize("route", BOTH)
def test_models_that_cannot_be_judged_are_skipped(
    world: Any, route: str, details: dict[str, Any], wording: SnapshotAssertion
) -> None:
    verdict = world.where(
        {route: Trace(route="", outputs={"out": world.moved(0.5)}, details=details)}
    ).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_a_batch_of_one_row_has_no_neighbours(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(dict.fromkeys(BOTH, Trace(route="", details={"alone": True}))).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"companions": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"companions-float64": crashed, "companions": world.moved(1.0)}).verdict(CHECK).status
        is Status.FAIL
    )
    assert world.where({"companions-float64": missing}).verdict(CHECK).status is Status.PASS
    assert world.where(dict.fromkeys(BOTH, missing)).verdict(CHECK).status is Status.SKIP


def test_refused_neighbours_are_reported(world: Any, wording: SnapshotAssertion) -> None:
    trace = Trace(route="", outputs={"out": world.predict}, details={"refused": ["huge values", "NaN"]})
    verdict = world.where({"companions": trace, "companions-baseline": world.predict}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)


@pytest.mark.parametrize(
    ("by", "left", "status"),
    [(3e-8, 1e-16, Status.PASS), (3e-8, 1e-9, Status.FAIL), (1e-3, 1e-3, Status.FAIL)],
    ids=["rounding", "a leak below rounding", "a leak"],
)
def test_if_neighbours_change_shapes_the_difference_must_be_rounding(
    world: Any, by: float, left: float, status: Status
) -> None:
    details = {"resized": True, "deterministic": True, "labels": []}
    moved = Trace(route="", outputs={"out": world.moved(by)}, details=details)
    exact = world.moved(left, precision="float64")
    answers = {"companions": moved, "companions-float64": exact}
    verdict = world.where(answers).verdict(CHECK)
    assert verdict.status is status
    stated = Policy(stated=UserLimit(rtol=1.0, atol=1.0))
    assert world.where(answers, policy=stated).verdict(CHECK).status is status
    assert {each.comparison.candidate for each in verdict.judged} == {"companions"}


@pytest.mark.parametrize(("left", "status"), [(1e-16, Status.PASS), (1e-9, Status.FAIL)])
def test_shapes_may_change_without_a_difference_in_float32(world: Any, left: float, status: Status) -> None:
    exact = Trace(
        route="",
        outputs={"out": world.moved(left, precision="float64")},
        details={"resized": True, "deterministic": True, "labels": []},
    )
    assert world.where({"companions-float64": exact}).verdict(CHECK).status is status
