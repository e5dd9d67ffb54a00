"""KC204: eager, graph and XLA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc204_execution_mode import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace

MODES = ("call", "graph", "xla")


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.reason) == (
        Status.PASS,
        wording,
        None,
    )
    assert [each.comparison.candidate for each in verdict.judged] == list(MODES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("by", "status"), [(2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)])
def test_one_mode_differs(world: Any, mode: str, by: float, status: Status) -> None:
    verdict = world.where({mode: world.moved(by)}).verdict(CHECK)
    over = [each.comparison.candidate for each in verdict.judged if not each.within]
    assert (verdict.status, over) == (status, [mode] if status is Status.FAIL else [])


def test_a_mode_that_differs_is_named(world: Any, wording: SnapshotAssertion) -> None:
    assert world.where({"xla": world.moved(0.5)}).verdict(CHECK).message == wording


def test_a_model_that_xla_cannot_compile_is_reported_and_does_not_fail(world: Any, crashed: Trace) -> None:
    verdict = world.where({"xla": crashed}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.PASS,
        "XLA was not compared, because it cannot compile the model: ValueError: boom",
    )
    assert [each.comparison.candidate for each in verdict.judged] == ["call", "graph"]


def test_a_crash_of_another_mode_is_reported_with_that_of_xla(world: Any, crashed: Trace) -> None:
    verdict = world.where({"xla": crashed, "graph": Trace(route="", error="KeyError: 3")}).verdict(CHECK)
    assert verdict.status is Status.ERROR
    assert "graph: KeyError: 3" in str(verdict.reason)


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"graph": crashed}).verdict(CHECK).status is Status.ERROR
    assert world.where({"xla": missing}).verdict(CHECK).reason == "xla: not on this machine"
    assert world.where(dict.fromkeys(MODES, missing)).verdict(CHECK).status is Status.SKIP


@pytest.mark.parametrize(
    ("mode", "by", "layered", "status"),
    [
        ("xla", 0.1, 0.05, Status.WARN),
        ("xla", 0.1, 0.005, Status.FAIL),
        ("xla", 0.1, 0.0, Status.FAIL),
        ("graph", 0.1, 0.05, Status.FAIL),
    ],
)
def test_xla_may_round_if_predict_does_not(
    world: Any, mode: str, by: float, layered: float, status: Status, wording: SnapshotAssertion
) -> None:
    """XLA does not run on the float64 copy; graph and predict do, so rounding would show there."""
    turn = np.where(np.arange(len(world.predict)) % 2, 1.0, -1.0).reshape(-1, 1)
    answers = {
        mode: (world.predict + by * turn).astype(np.float32),
        "rounded-layers": world.exact + layered * turn,
    }
    verdict = world.where(answers).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        "ill-conditioned" if status is Status.WARN else None,
    )
    assert verdict.message == wording


DECIDED = {"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}


def tied(make_world: Any, by: float, rounding: float) -> Any:
    """Outputs of 0.5 and slightly more, ten of them slightly less with XLA; layers round by `rounding`."""
    world = make_world(40)
    predict = np.full((40, 1), 0.5 + by / 4, np.float32)
    predict[10:, 0] += np.linspace(0.01, 0.1, 30, dtype=np.float32)
    xla = predict.copy()
    xla[:10] -= np.float32(by)
    turn = np.where(np.arange(40) % 2, 1.0, -1.0).reshape(-1, 1)
    answers = {
        "predict": predict,
        "call": predict,
        "graph": predict,
        "xla": xla,
        "rounded-layers": predict + rounding * turn,
    }
    return world.where(answers, exact=predict + 2.0**-22 * turn, predict=predict, facts=DECIDED)


def test_decisions_that_xla_flips_within_rounding_are_near_ties(
    make_world: Any, wording: SnapshotAssertion
) -> None:
    verdict = tied(make_world, 2.0**-21, 2.0**-21).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "near-ties")
    assert verdict.message == wording


@pytest.mark.parametrize(("by", "cause"), [(2.0**-14, "near-ties"), (2.0**-6, "ill-conditioned")])
def test_xla_beyond_its_limit_is_near_ties_if_the_distance_is_small(
    make_world: Any, by: float, cause: str
) -> None:
    verdict = tied(make_world, by, by).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, cause)


@pytest.mark.parametrize(
    ("noise", "by", "status"),
    [(0.02, 0.06, Status.WARN), (0.02, 0.09, Status.FAIL), (1e-4, 3e-4, Status.FAIL)],
)
def test_a_difference_hidden_by_high_noise_is_a_warning(
    make_world: Any, noise: float, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    """XLA differs from predict three times as much as predict from float64.

    On average that is too much for a model with low noise, but not for one with high noise.
    """
    world = make_world(40)
    turn = np.where(np.arange(40) % 2, 1.0, -1.0).reshape(-1, 1)
    exact = world.predict + noise * turn
    world = world.where(
        {
            "rounded-layers": world.exact + 0.9 * noise * turn,
            "xla": (world.predict - by * turn).astype(np.float32),
        },
        exact=exact,
    )
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        "ill-conditioned" if status is Status.WARN else None,
    )
    assert verdict.message == wording
