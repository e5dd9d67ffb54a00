"""KC103: neighbours must not change a single bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc103_companion_swap import CHECK
from keras_consistency_cli.measurement.policy import Policy, Stated
from keras_consistency_cli.routes.trace import Trace

BOTH = ("companions", "companions-float64")


def test_healthy(world: Any) -> None:
    found = world.verdict(CHECK)
    assert (found.status, found.message) == (Status.PASS, "no row is changed by its neighbours (same bits)")
    assert {each.limit.origin for each in found.judged} == {"exact"}


@pytest.mark.parametrize("policy", [Policy(), Policy(stated=Stated(rtol=1.0, atol=1.0))])
@pytest.mark.parametrize(
    ("route", "precision", "by"),
    [("companions", "float32", 2.0**-22), ("companions-float64", "float64", 1e-14)],
)
def test_a_single_bit_fails_whatever_the_limit(
    world: Any, policy: Policy, route: str, precision: str, by: float
) -> None:
    found = world.where({route: world.moved(by, precision=precision)}, policy=policy).verdict(CHECK)
    assert found.status is Status.FAIL
    assert found.message.startswith("a row's answer changes when only its neighbours change, by up to ")
    assert found.message.endswith(f"in 1 of 32 rows of {route}")


def test_nan_in_a_neighbour_that_reaches_the_row_fails(world: Any) -> None:
    assert world.where({"companions": world.moved(np.nan)}).verdict(CHECK).status is Status.FAIL


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (
            {"deterministic": False},
            "the same batch from the same state is answered differently each time: see KC203 repeatability",
        ),
        ({"misshapen": True}, "an output has no row axis: see KC102 batch-size"),
    ],
)
@pytest.mark.parametrize("route", BOTH)
def test_what_cannot_be_judged_is_skipped(
    world: Any, route: str, details: dict[str, Any], reason: str
) -> None:
    found = world.where({route: Trace(route="", outputs={"out": world.moved(0.5)}, details=details)}).verdict(
        CHECK
    )
    assert (found.status, found.reason) == (Status.SKIP, reason)


def test_a_batch_of_one_row_has_no_neighbours(world: Any) -> None:
    found = world.where(dict.fromkeys(BOTH, Trace(route="", details={"alone": True}))).verdict(CHECK)
    assert (found.status, found.reason) == (
        Status.SKIP,
        "the model is built for a batch of one row, which has no neighbours",
    )


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"companions": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"companions-float64": crashed, "companions": world.moved(1.0)}).verdict(CHECK).status
        is Status.FAIL
    )
    assert world.where({"companions-float64": missing}).verdict(CHECK).status is Status.PASS
    assert world.where(dict.fromkeys(BOTH, missing)).verdict(CHECK).status is Status.SKIP


def test_refused_neighbours_are_told(world: Any) -> None:
    trace = Trace(route="", outputs={"out": world.predict}, details={"refused": ["huge values", "NaN"]})
    found = world.where({"companions": trace, "companions-baseline": world.predict}).verdict(CHECK)
    told = "no row is changed by its neighbours (same bits); a batch with huge values, NaN among its rows is refused as a whole"
    assert (found.status, found.message) == (Status.PASS, told)
