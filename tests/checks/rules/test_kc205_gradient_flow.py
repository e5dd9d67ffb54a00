"""KC205: gradients reach the inputs."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc205_gradient_flow import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

Gradients = dict[str, dict[str, float | None]]


def probed(gradients: Gradients) -> Trace:
    return Trace(route="", details={"gradients": gradients})


@pytest.mark.parametrize(
    ("gradients", "status"),
    [
        ({"y": {"a": 0.5}}, Status.PASS),
        ({"y": {"a": None}, "z": {"a": 0.5}}, Status.PASS),
        ({"y": {"a": None, "b": 0.5}}, Status.PASS),
        ({"y": {"a": None}, "z": {"a": None}}, Status.PASS),
        ({"y": {"a": 0.0, "b": 0.5}}, Status.PASS),
        ({"y": {"a": 0.0}, "z": {"a": None}}, Status.PASS),
        ({"y": {"a": float("nan"), "b": float("inf")}}, Status.WARN),
    ],
    ids=[
        "all reach",
        "one output reached",
        "one input cut",
        "cut from both outputs",
        "zero",
        "zero or cut",
        "not finite",
    ],
)
def test_gradients(world: Any, gradients: Gradients, status: Status, wording: SnapshotAssertion) -> None:
    verdict = world.where({"gradients": probed(gradients)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (status, wording)
    assert verdict.findings["gradients"] is gradients


@pytest.mark.parametrize("gradients", [{}, {"y": {}}], ids=["no float output", "no float input"])
def test_a_model_without_float_input_or_output_is_skipped(world: Any, gradients: Gradients) -> None:
    assert world.where({"gradients": probed(gradients)}).verdict(CHECK).status is Status.SKIP


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    verdicts = [world.where({"gradients": each}).verdict(CHECK) for each in (crashed, missing)]
    assert [(each.status, each.reason) for each in verdicts] == [
        (Status.ERROR, "gradients: ValueError: boom"),
        (Status.SKIP, "not on this machine"),
    ]


def test_an_input_that_becomes_an_index_needs_no_gradient(world: Any, wording: SnapshotAssertion) -> None:
    layers = (LayerFact(path="bins", kind="Discretization"),)
    verdict = world.where({"gradients": probed({"y": {"a": None}})}, facts={"layers": layers}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )


def test_an_operation_without_a_gradient_is_a_skip(world: Any, wording: SnapshotAssertion) -> None:
    refused = Trace(route="", details={"refused": "LookupError: gradient registry has no entry for: Boxes"})
    verdict = world.where({"gradients": refused}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )
