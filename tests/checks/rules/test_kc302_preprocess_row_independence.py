"""KC302: rows alone compared with rows together, inputs first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc302_preprocess_row_independence import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace

PREPARED: dict[str, Any] = {"prepared": [[[5.0, 1.0, 0.0, 9.0], [2.0, 1.0, 0.0, 3.0]]]}


def alone(world: Any, moved: float, columns: tuple[int, ...] = (0, 2), by: float = 0.0) -> Trace:
    details = {"moved": moved, "column": columns[0], "columns": list(columns), "constant": False}
    return Trace(route="", outputs={"out": world.moved(by)}, details=details)


@pytest.mark.parametrize("moved", [0.0, 1e-6])
def test_rows_alone_as_together_pass(world: Any, moved: float, wording: SnapshotAssertion) -> None:
    verdict = world.where({"scaled-alone": alone(world, moved)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert "cause" not in verdict.findings


def test_rows_that_come_out_differently_fail_with_the_change_of_outputs(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"scaled-alone": alone(world, 2.5, by=0.5)}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.findings == {
        "moved": 2.5,
        "column": 0,
        "columns": [0, 2],
        "cause": "preprocess-row-dependence",
    }
    assert verdict.message == wording


def test_one_column_is_enough(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"scaled-alone": alone(world, 1e-3, columns=(4,))}).verdict(CHECK)
    assert verdict.status is Status.FAIL
    assert verdict.message == wording


def test_rows_that_are_nan_alone_have_no_distance(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"scaled-alone": alone(world, float("inf"), by=0.5)}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "preprocess-row-dependence")
    assert verdict.message == wording


def test_the_input_is_named_if_a_function_prepares_several(world: Any, wording: SnapshotAssertion) -> None:
    trace = alone(world, 2.5)
    verdict = world.where(
        {"scaled-alone": replace(trace, details={**trace.details, "input": "right"})}
    ).verdict(CHECK)
    assert verdict.message == wording


def test_a_function_that_cannot_take_one_row_fails(world: Any, wording: SnapshotAssertion) -> None:
    trace = Trace(
        route="",
        details={"reason": "--preprocess prepare fails on a ndarray of shape (1, 3)", "crashed": True},
    )
    verdict = world.where({"scaled-alone": trace}).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (Status.FAIL, {"cause": "preprocess-row-dependence"})
    assert verdict.message == wording


def test_nothing_to_preprocess_is_a_skip(world: Any, crashed: Trace, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {"scaled-alone": Trace(route="", details={"reason": "no scaler or preprocess given"})}
    ).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)
    assert world.where({"scaled-alone": crashed}).verdict(CHECK).status is Status.ERROR


@pytest.mark.parametrize(
    ("details", "elsewhere"),
    [
        ({"unsteady": 0.3}, {}),
        (PREPARED, {"prepared": [[[5.0, 1.0, 0.0, 9.0], [2.0, 1.1, 0.0, 3.0]]]}),
        ({**PREPARED, "salted": "serve.py, line 7"}, {"prepared": [[[5.0, 1.0, 1.0, 9.0]] * 2]}),
    ],
    ids=["from call to call", "from process to process", "by hash()"],
)
def test_rows_that_come_out_differently_each_time_fail(
    world: Any, details: dict[str, Any], elsewhere: dict[str, Any], wording: SnapshotAssertion
) -> None:
    trace = alone(world, 0.5)
    fresh = Trace(route="", outputs={"out": world.moved(0.25)}, details=elsewhere)
    verdict = world.where(
        {"scaled-alone": replace(trace, details={**trace.details, **details}), "fresh-process": fresh}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "preprocess-unrepeatable")
    assert verdict.message == wording


def test_the_same_rows_twice_and_elsewhere_pass(world: Any) -> None:
    trace = alone(world, 0.0)
    details = {"unsteady": 1e-9, **PREPARED}
    rounded = {"prepared": [[[5.0, 1.0 + 1e-6, 0.0, 9.0], [2.0, 1.0, 0.0, 3.0]]]}
    fresh = Trace(route="", outputs={"out": world.predict}, details=rounded)
    verdict = world.where(
        {"scaled-alone": replace(trace, details={**trace.details, **details}), "fresh-process": fresh}
    ).verdict(CHECK)
    assert verdict.status is Status.PASS
