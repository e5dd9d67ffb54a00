"""KC205: gradients reach the inputs."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc205_gradient_flow import CHECK
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

Gradients = dict[str, dict[str, float | None]]


def probed(gradients: Gradients) -> Trace:
    return Trace(route="", details={"gradients": gradients})


@pytest.mark.parametrize(
    ("gradients", "status", "message"),
    [
        ({"y": {"a": 0.5}}, Status.PASS, "gradients reach every float input"),
        ({"y": {"a": None}, "z": {"a": 0.5}}, Status.PASS, "gradients reach every float input"),
        ({"y": {"a": None, "b": 0.5}}, Status.WARN, "no gradient reaches input 'a' through model(x)"),
        ({"y": {"a": None}, "z": {"a": None}}, Status.WARN, "no gradient reaches input 'a' through model(x)"),
        (
            {"y": {"a": 0.0, "b": 0.5}},
            Status.WARN,
            "the gradient is zero everywhere at input 'a' through model(x)",
        ),
        (
            {"y": {"a": 0.0}, "z": {"a": None}},
            Status.WARN,
            "the gradient is zero everywhere at input 'a' through model(x)",
        ),
        (
            {"y": {"a": float("nan"), "b": float("inf")}},
            Status.WARN,
            "the gradient is not finite at input 'a', 'b' through model(x)",
        ),
    ],
)
def test_gradients(world: Any, gradients: Gradients, status: Status, message: str) -> None:
    found = world.where({"gradients": probed(gradients)}).verdict(CHECK)
    assert (found.status, found.message.startswith(message)) == (status, True)
    assert found.findings["gradients"] is gradients


@pytest.mark.parametrize("gradients", [{}, {"y": {}}], ids=["no float output", "no float input"])
def test_nothing_that_could_have_a_gradient_is_no_pass(world: Any, gradients: Gradients) -> None:
    assert world.where({"gradients": probed(gradients)}).verdict(CHECK).status is Status.SKIP


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    found = [world.where({"gradients": each}).verdict(CHECK) for each in (crashed, missing)]
    assert [(each.status, each.reason) for each in found] == [
        (Status.ERROR, "ValueError: boom"),
        (Status.SKIP, "not on this machine"),
    ]


def test_an_input_that_is_turned_into_an_index_has_no_gradient_by_nature(world: Any) -> None:
    layers = (LayerFact(path="bins", kind="Discretization"),)
    found = world.where({"gradients": probed({"y": {"a": None}})}, facts={"layers": layers}).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.PASS,
        "no gradient reaches input 'a', which Discretization turns into an index",
    )


def test_an_operation_without_a_gradient_is_no_crash(world: Any) -> None:
    refused = Trace(route="", details={"refused": "LookupError: gradient registry has no entry for: Boxes"})
    found = world.where({"gradients": refused}).verdict(CHECK)
    assert (found.status, found.reason) == (
        Status.SKIP,
        "TensorFlow cannot take them: LookupError: gradient registry has no entry for: Boxes",
    )
