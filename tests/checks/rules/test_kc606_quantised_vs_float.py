"""KC606: a quantised model compared with its float copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc606_quantised_vs_float import CHECK
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace

ACCEPTED = DataContext(owner=OwnerFacts(low_precision="accepted"))
FACTS = {"low_precision": ("int8_from_float32",)}


def judge(
    world: Any,
    deviation: float,
    expected: float = 1e-2,
    *,
    direct: tuple[str, ...] = (),
    limits: float = 0.0,
    **details: Any,
) -> Verdict:
    """The verdict if predict differs from the float copy by so much in every row."""
    error = {"deviation": deviation, "expected": expected, "size": 1.0, "limits": limits}
    measured = {
        "errors": {"out": error},
        "called_directly": list(direct),
        "rebuilt_differs": False,
        **details,
    }
    values = world.predict + (np.float32(deviation) if np.isfinite(deviation) else np.float32(0))
    trace = Trace(route="dequantised", outputs={"out": values}, details=measured)
    verdict: Verdict = world.where({"dequantised": trace}, facts={**FACTS, **world.facts}).verdict(CHECK)
    return verdict


def test_an_error_as_expected_passes(world: Any, wording: SnapshotAssertion) -> None:
    verdict = judge(world, 9e-3)
    assert (verdict.status, verdict.findings["called_directly"]) == (Status.PASS, [])
    assert verdict.findings["excess"] == pytest.approx(0.9)
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("excess", "status"), [(3.9, Status.PASS), (4.1, Status.FAIL), (np.inf, Status.FAIL)]
)
def test_four_times_the_expected_error_is_the_limit(world: Any, excess: float, status: Status) -> None:
    assert judge(world, excess * 1e-2).status is status


@pytest.mark.parametrize(
    ("limits", "deviation", "status"),
    [
        (1.9e-2, 2.4e-2, Status.PASS),
        (2.1e-2, 2.4e-2, Status.FAIL),
        (3e-2, 1e-2, Status.PASS),
        (np.inf, 2e-2, Status.PASS),
    ],
    ids=["less than rounding", "more than rounding", "not applied", "beyond all numbers, not applied"],
)
def test_the_limits_of_float8_count_by_themselves(
    world: Any, limits: float, deviation: float, status: Status
) -> None:
    assert judge(world, deviation, limits=limits).status is status


def test_what_the_limits_of_float8_change_is_said(world: Any, wording: SnapshotAssertion) -> None:
    verdict = judge(world, 3e-2, limits=2.5e-2)
    assert verdict.findings["beyond"] == pytest.approx(2.5)
    assert verdict.message == wording


def test_a_layer_without_its_scale_fails(world: Any, wording: SnapshotAssertion) -> None:
    verdict = judge(world, 150.0, direct=("steps/dense",))
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "quantisation-broken")
    assert [judged.within for judged in verdict.judged] == [False]
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("expected", "accepted", "status"),
    [(0.029, False, Status.PASS), (0.031, False, Status.WARN), (0.031, True, Status.PASS)],
)
def test_an_expected_error_that_is_large_warns_unless_it_is_accepted(
    world: Any, expected: float, accepted: bool, status: Status
) -> None:
    if accepted:
        world = world.where(data=ACCEPTED)
    verdict = judge(world, expected, expected)
    assert verdict.status is status
    assert verdict.findings.get("cause") == ("quantisation-coarse" if status is Status.WARN else None)


def test_many_changed_decisions_warn_even_if_low_precision_is_accepted(world: Any) -> None:
    facts = {"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    verdict = judge(world.where(facts=facts, data=ACCEPTED), -0.6, 1.0)
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "quantisation-coarse")


def test_decisions_are_counted(world: Any) -> None:
    world = world.where(facts={"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)})
    assert judge(world, -0.6, 1.0).findings["flipped"] > 0


def test_rounding_of_float32_is_not_an_error_of_quantisation(world: Any) -> None:
    assert judge(world, 1e-6, 0.0).status is Status.PASS


def test_a_layer_that_is_not_quantised_after_all_is_named(world: Any, wording: SnapshotAssertion) -> None:
    verdict = judge(world, 0.0, direct=("steps/dense",))
    assert (verdict.status, verdict.message) == (Status.PASS, wording)


@pytest.mark.parametrize("size", [np.nan, np.inf])
def test_a_copy_without_finite_numbers_is_skipped(world: Any, size: float) -> None:
    errors = {"out": {"deviation": 1.0, "expected": 1.0, "size": size}}
    assert judge(world, 1.0, errors=errors).status is Status.SKIP


def test_a_model_that_is_rebuilt_differently_is_skipped(world: Any) -> None:
    assert judge(world, 1.0, rebuilt_differs=True).status is Status.SKIP


def test_a_random_model_is_skipped(world: Any) -> None:
    trace = Trace(route="predict", outputs={"out": world.predict}, details={"random_operations": ["Random"]})
    assert judge(world.where({"predict": trace}), 1.0).status is Status.SKIP


def test_a_model_without_a_copy_is_skipped(world: Any) -> None:
    refused = Trace(route="", details={"refused": "odd"})
    verdict = world.where({"dequantised": refused}, facts=FACTS).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, "no float copy: odd")


def test_models_in_floats_are_skipped(world: Any, missing: Trace) -> None:
    assert world.where({"dequantised": missing}).verdict(CHECK).status is Status.SKIP


def test_a_crash_is_an_error(world: Any, crashed: Trace) -> None:
    assert world.where({"dequantised": crashed}, facts=FACTS).verdict(CHECK).status is Status.ERROR
