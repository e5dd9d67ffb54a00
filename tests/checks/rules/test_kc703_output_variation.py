"""KC703: outputs that do not react to rows that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc703_output_variation import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts
from keras_consistency_cli.measurement.facts import OutputFact
from keras_consistency_cli.routes.trace import Trace

ZERO, SMALL, CUT = {"out": {"x": 0.0}}, {"out": {"x": 1e-9}}, {"out": {"x": None}}


def verdict(
    world: Any, gradients: Any, *, distinct: int = 20, reacting: Sequence[str] = (), **variation: Any
) -> Any:
    details = {"variation": {"distinct": distinct, "constant": [], "saturated": [], "whole": [], **variation}}
    predict = Trace(route="", outputs={"out": world.predict}, details=details)
    details = {"gradients": gradients, "reacting": list(reacting)}
    gradient = Trace(route="", details=details)
    return world.where({"predict": predict, "gradients": gradient}).verdict(CHECK)


@pytest.mark.parametrize(
    ("gradients", "variation", "status"),
    [
        (ZERO, {"constant": ["out"]}, Status.WARN),
        (ZERO, {"constant": ["out"], "saturated": ["out"]}, Status.WARN),
        (ZERO, {"saturated": ["out"]}, Status.PASS),
        (ZERO, {}, Status.PASS),
        (SMALL, {"constant": ["out"]}, Status.PASS),
        (CUT, {"constant": ["out"]}, Status.PASS),
        ({}, {"constant": ["out"]}, Status.PASS),
        (ZERO, {"constant": ["out"], "distinct": 3}, Status.SKIP),
    ],
    ids=[
        "constant",
        "all at one end",
        "certain classes",
        "varies",
        "has a gradient",
        "by design",
        "ids",
        "few rows",
    ],
)
def test_outputs_that_do_not_react_are_a_warning(
    world: Any, gradients: Any, variation: dict[str, Any], status: Status, wording: SnapshotAssertion
) -> None:
    result = verdict(world, gradients, **variation)
    assert (result.status, result.reason or result.message) == (status, wording)
    assert (result.findings.get("cause") == "outputs-stuck") is (status is Status.WARN)


@pytest.mark.parametrize(
    ("decision", "gradients", "status"),
    [
        ("argmax", ZERO, Status.WARN),
        ("threshold", ZERO, Status.WARN),
        (None, ZERO, Status.PASS),
        ("argmax", SMALL, Status.PASS),
    ],
)
def test_probabilities_of_0_and_1_alone_are_a_warning_if_nothing_changes_them(
    world: Any, decision: Any, gradients: Any, status: Status, wording: SnapshotAssertion
) -> None:
    outputs = (OutputFact(name="out", shape=(None, 1), decision=decision),)
    result = verdict(replace(world, facts={"outputs": outputs}), gradients, saturated=["out"])
    assert (result.status, result.message) == (status, wording)


def test_generated_rows_are_a_skip(world: Any) -> None:
    generated = world.where(data=DataContext(description=DataFacts(generated=True)))
    assert verdict(generated, ZERO, constant=["out"]).status is Status.SKIP


@pytest.mark.parametrize(
    ("gradients", "reacting", "variation", "status"),
    [
        (CUT, ("out",), {"constant": ["out"]}, Status.WARN),
        (CUT, ("out",), {}, Status.PASS),
        (CUT, ("out",), {"constant": ["out"], "whole": ["out"]}, Status.PASS),
        (CUT, (), {"constant": ["out"]}, Status.PASS),
        (SMALL, ("out",), {"constant": ["out"]}, Status.PASS),
    ],
    ids=["bins", "varies", "decision", "a number of its own", "has a gradient"],
)
def test_an_output_without_gradient_must_react_to_other_values(
    world: Any,
    gradients: Any,
    reacting: Sequence[str],
    variation: dict[str, Any],
    status: Status,
    wording: SnapshotAssertion,
) -> None:
    result = verdict(world, gradients, reacting=reacting, **variation)
    assert (result.status, result.message) == (status, wording)
