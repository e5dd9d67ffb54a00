"""KC605: oneDNN and threads, told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc605_cpu_kernels import CHECK
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE


def test_the_same_bits_pass(world: Any, wording: SnapshotAssertion) -> None:
    found = world.verdict(CHECK)
    assert (found.status, found.message, found.findings["moved_by"]) == (Status.PASS, wording, [])


def test_rounding_passes_and_says_what_moves(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({"without-onednn": world.predict + np.float32(NOISE)}).verdict(CHECK)
    assert (found.status, found.findings["moved_by"]) == (Status.PASS, ["oneDNN"])
    assert found.message == wording


def test_oneDNN_is_blamed_alone(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({"without-onednn": world.moved(1e-2)}).verdict(CHECK)
    assert (found.status, found.findings["cause"], found.findings["blame"]) == (
        Status.FAIL,
        "kernel-dependent",
        "oneDNN",
    )
    assert found.message == wording
    assert {name: found.findings[name]["within"] for name in ("without-onednn", "one-thread")} == {
        "without-onednn": False,
        "one-thread": True,
    }


def test_threads_are_blamed_alone(world: Any) -> None:
    found = world.where(
        {"one-thread": world.moved(1e-2), "without-onednn": world.predict + np.float32(NOISE)}
    ).verdict(CHECK)
    assert (found.status, found.findings["blame"], found.findings["moved_by"]) == (
        Status.FAIL,
        "the number of threads",
        ["oneDNN", "the number of threads"],
    )


def test_both_are_blamed(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({"one-thread": world.moved(1e-2), "without-onednn": world.moved(1e-2)}).verdict(CHECK)
    assert found.findings["blame"] == "oneDNN and the number of threads"
    assert found.message == wording


def test_nan_that_one_kernel_swallows_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[3] = np.nan
    found = world.where({"without-onednn": holed}).verdict(CHECK)
    assert (found.status, found.findings["blame"]) == (Status.FAIL, "oneDNN")


def test_other_backends_are_skipped(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(facts={"backend": "jax"}).verdict(CHECK)
    assert (found.status, found.reason) == (
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


def test_what_another_process_answers_otherwise_anyway_is_nothing_to_judge(
    world: Any, wording: SnapshotAssertion
) -> None:
    found = world.where({"without-onednn": world.moved(1e-2), "fresh-process": world.moved(0.5)}).verdict(
        CHECK
    )
    assert (found.status, found.reason) == (
        Status.SKIP,
        wording,
    )
