"""KC305: a cast before scaling is measured, and a cast of served rows fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc305_scaling_precision import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts, ExpectedColumn, ScalingFact
from keras_consistency_cli.routes.trace import Trace

RIGHT = {"inputs": {"x": {"rows": 32, "features": 2, "wrong_rows": 0, "mistakes": []}}, "names": {}}


def cast(outputs: np.ndarray, moved: float, column: int = 1) -> Trace:
    return Trace(route="", outputs={"out": outputs}, details={"moved": moved, "column": column})


def served(outputs: np.ndarray, kind: str) -> Trace:
    wrong = {
        "kind": kind,
        "columns": [1],
        "off": 0.4,
        "batch": None,
        "sources": [],
        "shift": None,
        "factor": None,
    }
    match = {"rows": 32, "features": 2, "wrong_rows": 5, "mistakes": [wrong]}
    return Trace(route="", outputs={"out": outputs}, details={"inputs": {"x": match}, "names": {}})


def test_a_harmless_cast_passes_with_its_numbers(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"float32-first": cast(world.moved(1e-6), 1e-7), "float16-first": cast(world.moved(0.25), 0.5)}
    ).verdict(CHECK)
    assert verdict.status is Status.PASS
    assert verdict.message == wording
    assert verdict.findings["float16-first"]["inputs_move"] == 0.5
    assert verdict.findings["float16-first"]["predictions"] == wording
    assert "cause" not in verdict.findings


@pytest.mark.parametrize("mistakes", [[], ["refit-all"]], ids=["served rightly", "served otherwise wrong"])
def test_a_cast_that_served_rows_do_not_have_is_not_a_warning(
    world: Any, mistakes: list[str], wording: SnapshotAssertion
) -> None:
    trace = (
        served(world.moved(0.25), "refit-all")
        if mistakes
        else replace(served(world.predict, "refit-all"), details=RIGHT)
    )
    verdict = world.where({"served": trace, "float32-first": cast(world.moved(0.25), 0.39)}).verdict(CHECK)
    assert (verdict.status, verdict.judged, verdict.findings["float32-first"]["inputs_move"]) == (
        Status.PASS,
        (),
        0.39,
    )
    assert verdict.message == wording


def test_a_cast_that_would_change_outputs_is_information(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"float32-first": cast(world.moved(0.25), 0.39)}).verdict(CHECK)
    assert (verdict.status, "cause" in verdict.findings) == (Status.PASS, False)
    assert verdict.message == wording


@pytest.mark.parametrize("kind", ["float32-first", "float16-first", "float16-after", "float32-after"])
def test_served_rows_that_were_rounded_fail(world: Any, kind: str, wording: SnapshotAssertion) -> None:
    verdict = world.where({"served": served(world.moved(0.25), kind)}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "scaled-in-low-precision")
    assert verdict.message == wording


def test_other_mistakes_of_serving_are_for_another_check(world: Any, wording: SnapshotAssertion) -> None:
    trace = Trace(route="", details={"reason": "the rows are float32 as they are"})
    verdict = world.where({"served": served(world.moved(0.25), "refit-all"), "float32-first": trace}).verdict(
        CHECK
    )
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


SPREAD = ScalingFact(
    kind="StandardScaler",
    input="x",
    expected=tuple(
        ExpectedColumn(
            column=at,
            name=name,
            kind="StandardScaler",
            raw=(1.7e9, spread),
            scaled=(0.0, 1.0),
            twice=(0.0, 1.0),
            constant=name == "constant",
        )
        for at, (name, spread) in enumerate({"time": 2000.0, "year": 9e6, "constant": 1.0}.items())
    ),
)


@pytest.mark.parametrize(
    ("steps", "share"),
    [
        ([128.0, 128.0, 0.0], 0.064),
        ([0.0, 128.0, 0.0], None),
        ([16.0, 0.0, 0.0], None),
        ([0.0, 0.0, 128.0], None),
        ([0.0, 0.0, 0.0, 128.0], None),
    ],
    ids=["coarse", "wide", "fine", "constant", "not scaled"],
)
def test_stored_rows_that_were_rounded_are_a_warning(
    world: Any, steps: list[float], share: float | None, wording: SnapshotAssertion
) -> None:
    reason = {"reason": "a cast to float32 changes nothing: the rows are float32"}
    trace = Trace(route="", details={**reason, "steps": steps})
    known = world.where({"float32-first": trace}, data=DataContext(description=DataFacts(scaling=SPREAD)))
    verdict = known.verdict(CHECK)
    if share is None:
        assert verdict.status is Status.SKIP
        return
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "scaled-in-low-precision")
    assert verdict.findings["stored"] == {"column": "time", "step": 128.0, "share": share}
    assert verdict.message == wording
    assert verdict.findings["mend"] == wording


def test_a_crash_is_an_error(world: Any, crashed: Trace) -> None:
    assert world.where({"float32-first": crashed}).verdict(CHECK).status is Status.ERROR
