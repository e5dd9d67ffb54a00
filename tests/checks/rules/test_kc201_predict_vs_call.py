"""KC201: predict compared with model(x, training=False)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc201_predict_vs_call import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace


@pytest.mark.parametrize(
    ("by", "status"), [(0.0, Status.PASS), (2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)]
)
def test_call(world: Any, by: float, status: Status, wording: SnapshotAssertion) -> None:
    verdict = world.where({"call": world.moved(by)}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording


def test_a_different_shape_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"call": np.ones((32, 2), np.float32)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )


def test_words(world: Any) -> None:
    cats = np.array([["cat"]] * 32)
    words = world.where(dict.fromkeys(("predict", "call", "call-as-given"), cats))
    assert words.verdict(CHECK).status is Status.PASS
    assert words.where({"call": np.array([["cat"]] * 31 + [["dog"]])}).verdict(CHECK).status is Status.FAIL


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"call": crashed}).verdict(CHECK).status is Status.ERROR
    assert world.where({"call": missing}).verdict(CHECK).status is Status.SKIP


@pytest.mark.parametrize(("by", "status"), [(2.0**-14, Status.PASS), (0.5, Status.WARN)])
def test_rows_that_predict_casts_and_a_call_does_not(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"call-as-given": world.moved(by)}).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (status, {"cast": True} if status is Status.WARN else {})
    assert verdict.message == wording


def test_a_call_that_differs_is_reported_before_the_cast(world: Any) -> None:
    verdict = world.where({"call": world.moved(0.5), "call-as-given": world.moved(0.25)}).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (Status.FAIL, {})


@pytest.mark.parametrize(("by", "status"), [(2.0**-14, Status.PASS), (0.5, Status.WARN)])
def test_digits_that_float32_does_not_hold(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    lost = {"x": {"given": 1_700_000_001.0, "becomes": 1_700_000_000.0}}
    outputs = {"out": world.moved(by, precision="float64")}
    unrounded = Trace(route="unrounded-rows", outputs=outputs, details={"lost": lost})
    verdict = world.where({"unrounded-rows": unrounded}).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (status, {"lost": lost} if status is Status.WARN else {})
    assert verdict.message == wording
