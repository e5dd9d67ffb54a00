"""KC604: how much tiny changes change the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc604_conditioning import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace


@pytest.mark.parametrize(("by", "status"), [(1e-7, Status.PASS), (9e-4, Status.PASS), (2e-3, Status.WARN)])
@pytest.mark.parametrize("route", ["changed-inputs", "changed-weights"])
def test_amplification(world: Any, route: str, by: float, status: Status) -> None:
    still = dict.fromkeys(("changed-inputs", "changed-weights"), world.exact)
    verdict = world.where({**still, route: world.exact * (1 + by)}).verdict(CHECK)
    assert verdict.status is status
    factors = verdict.findings["amplification"]
    assert factors["inputs" if route == "changed-inputs" else "weights"] == pytest.approx(by / 1e-7, rel=1e-3)
    assert (verdict.findings.get("cause") == "ill-conditioned") is (status is Status.WARN)


def test_words(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"changed-inputs": world.exact * (1 + 2e-7), "changed-weights": world.exact * (1 + 1e-6)}
    ).verdict(CHECK)
    assert verdict.message == wording


def test_near_ties(world: Any, wording: SnapshotAssertion) -> None:
    tied = np.full((32, 1), 0.5) - 1e-9
    facts = {"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    answers = {
        "predict": tied.astype("float32"),
        "predict-float64": tied,
        "changed-inputs": tied + 1e-8,
        "changed-weights": tied,
    }
    verdict = world.where(answers, facts=facts).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["flipped"]) == (
        Status.WARN,
        "near-ties",
        32,
    )
    assert verdict.message == wording


def test_rows_that_are_decided_otherwise_are_near_ties(world: Any, wording: SnapshotAssertion) -> None:
    few = np.isin(np.arange(len(world.exact)), [3, 8, 20, 29])[:, None]
    still = {"changed-weights": world.exact}
    decided = world.where({**still, "changed-inputs": world.exact * (1 + 1e-8) + few}).verdict(CHECK)
    assert (decided.findings["cause"], decided.findings["flipped"]) == ("near-ties", 4)
    assert decided.message == wording
    amplified = world.where({**still, "changed-inputs": world.exact + 1e-2 + few}).verdict(CHECK)
    assert amplified.findings["cause"] == "ill-conditioned"


def test_one_of_two_is_enough(world: Any, missing: Trace) -> None:
    verdict = world.where({"changed-inputs": missing, "changed-weights": world.exact}).verdict(CHECK)
    assert (verdict.status, list(verdict.findings["amplification"])) == (Status.PASS, ["weights"])


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"changed-inputs": crashed}).verdict(CHECK).status is Status.ERROR
    verdict = world.where({"changed-inputs": missing, "changed-weights": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason.count("not on this machine")) == (Status.SKIP, 2)


def test_the_reason_for_a_missing_float64_copy_is_not_repeated(world: Any, missing: Trace) -> None:
    verdict = world.where(
        {"changed-inputs": missing, "changed-weights": missing, "predict-float64": missing}
    ).verdict(CHECK)
    assert verdict.status is Status.SKIP
    assert "not on this machine" not in verdict.reason
