"""KC602: the model's rounding noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc602_float32_vs_float64 import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Change, Trace


def test_low_noise(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )


@pytest.mark.parametrize(
    ("noise", "low", "status"),
    [(1e-3, (), Status.PASS), (2e-3, (), Status.WARN), (2e-3, ("mixed_float16",), Status.PASS)],
)
def test_high_noise(
    world: Any, noise: float, low: tuple[str, ...], status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where(
        {"predict-float64": world.predict.astype(float) + noise}, facts={"low_precision": low}
    ).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording
    assert ("mixed_float16" in verdict.message) is bool(low)


def test_the_output_with_the_highest_noise_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    answers = {
        "predict": {"a": world.predict, "b": world.predict},
        "predict-float64": {"a": world.exact, "b": world.predict + 0.5},
    }
    assert world.where(answers).verdict(CHECK).message == wording


@pytest.mark.parametrize(
    ("share", "by", "scale", "status"),
    [
        (1.0, 0.3, 1.0, Status.FAIL),
        (0.3, 0.3, 1.0, Status.FAIL),
        (0.05, 0.3, 1.0, Status.WARN),
        (1.0, 0.02, 1.0, Status.WARN),
        (1.0, 0.3, 1e-6, Status.WARN),
    ],
    ids=["all rows", "many rows", "a row", "the second digit", "outputs near 0"],
)
def test_outputs_without_a_right_digit_fail(
    world: Any, share: float, by: float, scale: float, status: Status, wording: SnapshotAssertion
) -> None:
    outputs = world.predict.astype(float)
    wrong = np.arange(len(outputs))[:, None] < share * len(outputs)
    noise = by * np.abs(outputs).max() * np.where(wrong, 1.0, 2e-3)
    answers = {"predict": world.predict * np.float32(scale), "predict-float64": (outputs + noise) * scale}
    verdict = world.where(answers).verdict(CHECK)
    assert (verdict.status, verdict.message) == (status, wording)


def test_ties_that_float64_decides_otherwise_amplify_nothing(world: Any, wording: SnapshotAssertion) -> None:
    few = np.isin(np.arange(len(world.exact)), [3, 8, 20, 29])[:, None]
    verdict = world.where({"predict-float64": world.exact + few}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    numbers = np.arange(len(world.exact))[:, None]
    answers = {
        "predict": {"ids": numbers, "scores": world.predict},
        "predict-float64": {"ids": numbers[::-1], "scores": world.exact},
    }
    assert world.where(answers).verdict(CHECK).message == world.verdict(CHECK).message


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.PASS), (0.3, Status.WARN)])
def test_one_row_may_differ_if_all_float32_arithmetic_gives_the_same(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    row = np.arange(len(world.exact))[:, None] == 8
    traces = {"predict-float64": world.exact + row, "rounded-layers": world.predict.astype(float) + by * row}
    verdict = world.where(traces).verdict(CHECK)
    assert (verdict.status, verdict.message) == (status, wording)


def test_few_rows_are_reported(make_world: Any, wording: SnapshotAssertion) -> None:
    assert make_world(8).verdict(CHECK).message == wording


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace, wording: SnapshotAssertion) -> None:
    verdicts = [world.where({"predict-float64": each}).verdict(CHECK) for each in (crashed, missing)]
    expected = [(Status.ERROR, "predict-float64: ValueError: boom"), (Status.SKIP, "not on this machine")]
    assert [(each.status, each.reason) for each in verdicts] == expected
    assert verdicts[0].message == wording


def test_a_crash_of_predict_is_an_error(world: Any, crashed: Trace) -> None:
    verdict = world.where({"predict": crashed}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.ERROR, "predict: ValueError: boom")


def test_random_outputs_are_not_rounding(world: Any, wording: SnapshotAssertion) -> None:
    random = Trace(
        route="", outputs={"out": world.predict}, changed=(Change(path="seed", kind="seed", max_abs=1.0),)
    )
    verdict = world.where({"predict": random, "predict-again": world.moved(0.1)}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_texts_have_no_noise(world: Any) -> None:
    words = np.array([["cat"]] * 32)
    assert world.where({"predict": words, "predict-float64": words}).verdict(CHECK).status is Status.SKIP


def test_a_difference_that_rounding_cannot_explain_is_not_noise(
    world: Any, wording: SnapshotAssertion
) -> None:
    answers = {"predict-float64": world.exact + 0.5, "rounded-layers": world.exact + 0.5 + 1e-6}
    evidence = world.where(answers).evidence(CHECK)
    found = CHECK.verdict(evidence)
    assert (found.status, "cause" in found.findings, evidence.noise) == (Status.WARN, False, {})
    assert found.message == wording


def test_a_difference_near_rounding_is_low_precision(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"predict-float64": world.predict + 1e-3, "rounded-layers": world.predict.astype(float) + 1e-3 + 1e-7}
    ).verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.findings["cause"]) == (
        Status.WARN,
        wording,
        "low-precision",
    )


@pytest.mark.parametrize("facts", [{"low_precision": ("mixed_float16",)}, {"devices": ("cpu:0", "gpu:0")}])
def test_low_precision_that_is_declared_stays_the_noise_level(
    world: Any, facts: dict[str, Any], wording: SnapshotAssertion
) -> None:
    answers = {
        "predict-float64": world.predict + 1e-3,
        "rounded-layers": world.predict.astype(float) + 1e-3 + 1e-7,
    }
    evidence = world.where(answers, facts=facts).evidence(CHECK)
    found = CHECK.verdict(evidence)
    assert (found.status, list(evidence.noise)) == (Status.PASS, ["out"])
    assert found.message == wording


def test_a_different_model_is_not_declared_low_precision(world: Any) -> None:
    answers = {"predict-float64": world.exact + 0.5, "rounded-layers": world.exact + 0.5}
    assert not world.where(answers, facts={"devices": ("gpu:0",)}).evidence(CHECK).noise


def test_half_precision_without_a_policy_is_named(world: Any, wording: SnapshotAssertion) -> None:
    low = Trace(route="", details={"low": ["m/odd/Cast (Cast, float16)", "m/odd/Mul (Mul, float16)"]})
    verdict = world.where(
        {"low-operations": low, "predict-float64": Trace(route="", unavailable="no float64 copy")}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "low-precision")
    assert verdict.message == wording


def test_different_random_numbers_are_not_low_precision(world: Any, wording: SnapshotAssertion) -> None:
    """A fixed seed gives the same numbers each time, but different ones in float64."""
    drawing = Trace(
        route="", outputs={"out": world.predict}, details={"random_operations": ["StatelessRandomUniformV2"]}
    )
    answers = {
        "predict": drawing,
        "predict-float64": world.exact + 0.5,
        "rounded-layers": world.exact + 0.5 + 1e-6,
    }
    verdict = world.where(answers).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_a_number_of_python_that_changes_is_the_reason_for_no_noise(world: Any) -> None:
    change = Change(path="fade.steps", kind="state", max_abs=1.0, plain=True)
    counting = Trace(route="", outputs={"out": world.predict}, changed=(change,))
    verdict = world.where({"predict": counting, "predict-float64": world.moved(0.5)}).verdict(CHECK)
    assert (verdict.status, "fade.steps" in (verdict.reason or "")) == (Status.SKIP, True)
