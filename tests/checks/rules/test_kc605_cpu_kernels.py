"""KC605: oneDNN and threads, judged separately."""

from __future__ import annotations

from typing import Any

import numpy as np
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc605_cpu_kernels import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE


def test_the_same_bits_pass(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.findings["moved_by"]) == (Status.PASS, wording, [])


def test_rounding_passes_and_names_the_switch(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"without-onednn": world.predict + np.float32(NOISE)}).verdict(CHECK)
    assert (verdict.status, verdict.findings["moved_by"]) == (Status.PASS, ["oneDNN"])
    assert verdict.message == wording


def test_oneDNN_is_blamed_alone(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"without-onednn": world.moved(1e-2)}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["blame"]) == (
        Status.FAIL,
        "kernel-dependent",
        "oneDNN",
    )
    assert verdict.message == wording
    assert {name: verdict.findings[name]["within"] for name in ("without-onednn", "one-thread")} == {
        "without-onednn": False,
        "one-thread": True,
    }


def test_threads_are_blamed_alone(world: Any) -> None:
    verdict = world.where(
        {"one-thread": world.moved(1e-2), "without-onednn": world.predict + np.float32(NOISE)}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["blame"], verdict.findings["moved_by"]) == (
        Status.FAIL,
        "the number of threads",
        ["oneDNN", "the number of threads"],
    )


def test_both_are_blamed(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"one-thread": world.moved(1e-2), "without-onednn": world.moved(1e-2)}).verdict(
        CHECK
    )
    assert verdict.findings["blame"] == "oneDNN and the number of threads"
    assert verdict.message == wording


def test_nan_that_one_kernel_turns_into_a_number_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[3] = np.nan
    verdict = world.where({"without-onednn": holed}).verdict(CHECK)
    assert (verdict.status, verdict.findings["blame"]) == (Status.FAIL, "oneDNN")


def test_other_backends_are_skipped(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(facts={"backend": "jax"}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_a_crash_of_one_leaves_the_other_judged(world: Any, crashed: Trace) -> None:
    assert world.where({"one-thread": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"one-thread": crashed, "without-onednn": world.moved(1e-2)}).verdict(CHECK).status
        is Status.FAIL
    )


def test_it_runs_on_request_only() -> None:
    assert CHECK.on_request


def test_a_difference_of_any_second_process_is_not_judged(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"without-onednn": world.moved(1e-2), "fresh-process": world.moved(0.5)}).verdict(
        CHECK
    )
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )
