"""KC601: accelerators compared with the CPU and with each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc601_gpu_vs_cpu import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE

GPU = {"devices": ("cpu:0", "gpu:0")}
TWO = {"devices": ("gpu:0", "gpu:1")}


def test_without_an_accelerator_it_is_skipped(world: Any, wording: SnapshotAssertion) -> None:
    for backend in ("tensorflow", "jax", "torch"):
        verdict = world.where(facts={"devices": ("cpu:0",), "backend": backend}).verdict(CHECK)
        assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_rounding_passes_and_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"on-cpu": world.predict + np.float32(NOISE)}, facts=GPU).verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.reason) == (Status.PASS, wording, None)
    assert [(each["candidate"], each["reference"]) for each in verdict.findings["pairs"]] == [
        ("the CPU", "gpu:0"),
        ("gpu:0 without TF32", "gpu:0"),
        ("gpu:0 without TF32", "the CPU"),
        ("gpu:0 with TF32", "gpu:0"),
    ]


def test_every_two_devices_are_compared(world: Any) -> None:
    verdict = world.where(facts=TWO).verdict(CHECK)
    pairs = {(each["candidate"], each["reference"]) for each in verdict.findings["pairs"]}
    assert pairs == {
        ("gpu:1", "gpu:0"),
        ("the CPU", "gpu:0"),
        ("the CPU", "gpu:1"),
        ("gpu:0 without TF32", "gpu:0"),
        ("gpu:0 without TF32", "the CPU"),
        ("gpu:1 without TF32", "gpu:1"),
        ("gpu:1 without TF32", "the CPU"),
        ("gpu:0 with TF32", "gpu:0"),
    }
    assert verdict.findings["devices"] == ["gpu:0", "gpu:1"]


def test_a_second_accelerator_that_differs_fails(world: Any) -> None:
    verdict = world.where({"on-accelerator-1": world.moved(1e-2)}, facts=TWO).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "device-precision")
    assert {judged.comparison.candidate for judged in verdict.judged if not judged.within} >= {
        "on-accelerator-1",
        "on-cpu",
    }
    assert (
        world.where({"on-accelerator-1": world.moved(1e-2)}, facts=GPU).verdict(CHECK).status is Status.PASS
    )


def test_more_than_rounding_fails(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"on-cpu": world.moved(1e-2)}, facts=GPU).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "device-precision")
    assert verdict.message == wording


def test_tf32_that_is_not_in_use_is_reported_and_not_judged(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"with-tf32": world.moved(1e-2)}, facts=GPU).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording


def test_nan_on_one_device_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[1] = np.nan
    assert world.where({"on-cpu": holed}, facts=GPU).verdict(CHECK).status is Status.FAIL


def test_crash(world: Any, crashed: Trace) -> None:
    verdict = world.where({"without-tf32": crashed}, facts=GPU).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.ERROR, "without-tf32: ValueError: boom")


def test_a_difference_of_any_second_process_is_not_judged(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"on-cpu": world.moved(1e-2), "fresh-process": world.moved(0.5)}, facts=GPU
    ).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )
