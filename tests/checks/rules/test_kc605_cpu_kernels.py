"""KC605: oneDNN and threads, told apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc605_cpu_kernels import CHECK
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE


def test_the_same_bits_pass(world: Any) -> None:
    found = world.verdict(CHECK)
    words = "oneDNN and threads make no difference but rounding: without oneDNN the same bits, with one thread the same bits"
    assert (found.status, found.message, found.findings["moved_by"]) == (Status.PASS, words, [])


def test_rounding_passes_and_says_what_moves(world: Any) -> None:
    found = world.where({"without-onednn": world.predict + np.float32(NOISE)}).verdict(CHECK)
    assert (found.status, found.findings["moved_by"]) == (Status.PASS, ["oneDNN"])
    assert found.message.endswith("without oneDNN up to 3.1e-05, with one thread the same bits")


def test_oneDNN_is_blamed_alone(world: Any) -> None:
    found = world.where({"without-onednn": world.moved(1e-2)}).verdict(CHECK)
    assert (found.status, found.findings["cause"], found.findings["blame"]) == (
        Status.FAIL,
        "kernel-dependent",
        "oneDNN",
    )
    assert found.message.startswith(
        "oneDNN changes the answers: with other CPU kernels answers differ, by up to 0.01"
    )
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


def test_both_are_blamed(world: Any) -> None:
    found = world.where({"one-thread": world.moved(1e-2), "without-onednn": world.moved(1e-2)}).verdict(CHECK)
    assert found.findings["blame"] == "oneDNN and the number of threads"
    assert found.message.startswith("oneDNN and the number of threads change the answers")


def test_nan_that_one_kernel_swallows_fails(world: Any) -> None:
    holed = world.predict.copy()
    holed[3] = np.nan
    found = world.where({"without-onednn": holed}).verdict(CHECK)
    assert (found.status, found.findings["blame"]) == (Status.FAIL, "oneDNN")


def test_other_backends_are_skipped(world: Any) -> None:
    found = world.where(facts={"backend": "jax"}).verdict(CHECK)
    assert (found.status, found.reason) == (
        Status.SKIP,
        "without-onednn, one-thread: the switches are those of TensorFlow; the backend is jax",
    )


def test_a_crash_of_one_leaves_the_other_judged(world: Any, crashed: Trace) -> None:
    assert world.where({"one-thread": crashed}).verdict(CHECK).status is Status.ERROR
    assert (
        world.where({"one-thread": crashed, "without-onednn": world.moved(1e-2)}).verdict(CHECK).status
        is Status.FAIL
    )


def test_it_runs_on_request_only() -> None:
    assert CHECK.on_request


def test_what_another_process_answers_otherwise_anyway_is_nothing_to_judge(world: Any) -> None:
    found = world.where({"without-onednn": world.moved(1e-2), "fresh-process": world.moved(0.5)}).verdict(
        CHECK
    )
    assert (found.status, found.reason) == (
        Status.SKIP,
        "a second process with the same device and kernels does not answer the same either, see KC203 repeatability",
    )
