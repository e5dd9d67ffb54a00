"""KC603: the effect of lower precision, in use or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc603_reduced_precision import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace

LOW = {"low_precision": ("mixed_float16",)}


def test_the_effect_is_reported_and_passes(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"mixed-float16": world.moved(1e-2), "mixed-bfloat16": world.moved(1e-1)}).verdict(
        CHECK
    )
    assert (verdict.status, list(verdict.findings)) == (Status.PASS, ["mixed_float16", "mixed_bfloat16"])
    assert verdict.message == wording


def test_overflow_is_reported_and_passes(world: Any, wording: SnapshotAssertion) -> None:
    holed = world.predict.copy()
    holed[:5] = np.inf
    verdict = world.where({"mixed-float16": holed}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )


def test_changed_decisions_are_reported(world: Any) -> None:
    facts = {"outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    near = world.predict - 0.5 - np.float32(1e-3)
    answers = {
        "predict": near,
        "predict-float64": near.astype(float),
        "mixed-float16": near + np.float32(5e-2),
        "mixed-bfloat16": near,
    }
    verdict = world.where(answers, facts=facts).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.findings["mixed_float16"]["flipped"] > 0


def test_models_that_cannot_be_copied_are_skipped(world: Any) -> None:
    refused = Trace(route="", details={"refused": "no copy"})
    verdict = world.where({"mixed-float16": refused, "mixed-bfloat16": refused}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, "no copy")


def test_a_crash_is_an_error(world: Any, crashed: Trace) -> None:
    assert world.where({"mixed-float16": crashed}).verdict(CHECK).status is Status.ERROR


def test_precision_in_use_is_measured_against_float64(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"predict-float64": world.predict + 1e-3}, facts=LOW).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert list(verdict.findings) == ["mixed_float16"]


def test_overflow_in_use_is_a_warning(world: Any) -> None:
    holed = world.predict.copy()
    holed[2] = np.inf
    verdict = world.where({"predict": holed, "predict-float64": world.exact}, facts=LOW).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "low-precision")


def test_many_flips_in_use_are_a_warning(world: Any) -> None:
    facts = {**LOW, "outputs": (OutputFact(name="out", shape=(None, 1), decision="threshold"),)}
    near = (np.float32(0.5) + np.where(np.arange(32) % 2, 1e-4, -1e-4)).astype("float32").reshape(-1, 1)
    verdict = world.where(
        {"predict": near, "predict-float64": near[::-1].astype(float)}, facts=facts
    ).verdict(CHECK)
    assert verdict.status is Status.WARN


def test_quantised_models_are_left_to_another_check(world: Any) -> None:
    verdict = world.where(facts={"low_precision": ("int8_from_float32",)}).verdict(CHECK)
    assert verdict.status is Status.SKIP
    assert "KC606" in verdict.reason
