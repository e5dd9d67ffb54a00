"""KC901: exports give the outputs of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc901_export_agreement import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE
from tests.helpers.export_worlds import LABEL, OTHER, interface, refused, verdict

RUN, OTHER_RUN = f"predict@{LABEL}", f"predict@{OTHER}"


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.PASS), (NOISE, Status.PASS), (0.5, Status.FAIL)])
def test_the_limit_is_the_rounding_noise_of_the_model(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    result = verdict(world, CHECK, {RUN: world.moved(by)})
    assert result.status is status
    assert result.message == wording


def test_without_exports_nothing_is_compared(world: Any) -> None:
    assert world.verdict(CHECK).status is Status.SKIP


def test_one_wrong_export_of_two_decides(world: Any) -> None:
    result = verdict(world, CHECK, {OTHER_RUN: world.moved(0.5)}, LABEL, OTHER)
    assert result.status is Status.FAIL
    assert result.findings["export"] == OTHER
    assert {label: each["status"] for label, each in result.findings["exports"].items()} == {
        LABEL: "pass",
        OTHER: "fail",
    }


def test_an_export_that_cannot_be_opened_hides_no_other(world: Any) -> None:
    absent = refused("no runtime", "package-missing")
    answers = {RUN: absent, f"interface@{LABEL}": absent, OTHER_RUN: world.moved(0.5)}
    assert verdict(world, CHECK, answers, LABEL, OTHER).status is Status.FAIL
    assert verdict(world, CHECK, {**answers, OTHER_RUN: world.moved(0.0)}, LABEL, OTHER).reason is not None
    assert verdict(world, CHECK, answers, LABEL).status is Status.SKIP


LOW = 4 * NOISE * 2.0**13
"""The greatest difference that float16 explains."""


@pytest.mark.parametrize(
    ("precision", "by", "accepted", "status"),
    [
        ("float16", 0.01, "reported", Status.WARN),
        ("float16", 0.01, "accepted", Status.PASS),
        ("float16", 2 * LOW, "accepted", Status.FAIL),
        ("float32", 0.01, "accepted", Status.FAIL),
    ],
)
def test_low_precision_widens_the_limit(
    world: Any, precision: str, by: float, accepted: str, status: Status
) -> None:
    data = DataContext(owner=OwnerFacts(low_precision=accepted))
    answers = {RUN: world.moved(by), f"interface@{LABEL}": interface(precision=precision)}
    assert verdict(world, CHECK, answers, data=data).status is status


@pytest.mark.parametrize(
    ("by", "left", "status", "cause"),
    [
        (0.2, 0.04, Status.FAIL, "export-sums-saturate"),
        (0.2, 0.06, Status.WARN, "export-low-precision"),
        (0.01, 0.0, Status.WARN, "export-low-precision"),
        (0.2, None, Status.WARN, "export-low-precision"),
    ],
    ids=["cut sums", "most is left", "next to nothing", "no exact sums"],
)
@pytest.mark.parametrize("accepted", ["reported", "accepted"])
def test_cut_sums_of_8_bit_products_fail(
    world: Any,
    by: float,
    left: float | None,
    status: Status,
    cause: str,
    accepted: str,
    wording: SnapshotAssertion,
) -> None:
    wide = Trace(route="") if left is None else world.moved(left)
    answers = {
        RUN: world.moved(by),
        f"wide-sums@{LABEL}": wide,
        f"interface@{LABEL}": interface(precision="int8"),
    }
    result = verdict(world, CHECK, answers, data=DataContext(owner=OwnerFacts(low_precision=accepted)))
    if status is Status.WARN and accepted == "accepted":
        assert result.status is Status.PASS
        return
    assert (result.status, result.findings["cause"], result.message) == (status, cause, wording)


def test_many_changed_decisions_fail_in_any_precision(make_world: Any) -> None:
    world = make_world(centre=0.5)
    facts = {"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    answers = {RUN: np.float32(1) - world.predict, f"interface@{LABEL}": interface(precision="bfloat16")}
    data = DataContext(owner=OwnerFacts(low_precision="accepted"))
    result = verdict(world, CHECK, answers, facts=facts, data=data)
    assert (result.status, result.findings["cause"]) == (Status.FAIL, "export-low-precision")


def test_a_model_that_does_not_repeat_itself_is_not_compared(world: Any) -> None:
    assert verdict(world, CHECK, {"predict-again": world.moved(0.5)}).status is Status.SKIP
