"""KC701: NaN and infinity are nowhere, or at least not hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc701_finite import CHECK
from keras_consistency_cli.measurement.facts import DataFacts, ScalingFact
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.described import rows_fact

CLEAN: dict[str, Any] = {"rows": {}, "weights": [], "hidden": {}, "outputs": {}, "served": {}, "filled": {}}
BAD_ROWS = {"rows": {"x": np.isin(np.arange(32), (3, 9))}}
ROWS_FOUND = {"x": {"rows": 2, "first": [3, 9]}}


def holed(world: Any, value: float = float("nan")) -> np.ndarray:
    values: np.ndarray = world.predict.copy()
    values[[3, 9]] = value
    return values


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    found = world.verdict(CHECK)
    assert (found.status, found.message, found.findings) == (
        Status.PASS,
        wording,
        CLEAN,
    )


def test_bad_weights_fail(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(data={"nonfinite_weights": ("dense/kernel", "dense/bias")}).verdict(CHECK)
    assert (found.status, found.message) == (Status.FAIL, wording)
    assert found.findings == {**CLEAN, "weights": ["dense/kernel", "dense/bias"]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_outputs_that_are_not_finite_fail_although_both_ways_agree(
    world: Any, value: float, wording: SnapshotAssertion
) -> None:
    found = world.where({"predict": holed(world, value), "call": holed(world, value)}).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.FAIL,
        wording,
    )
    assert found.findings == {**CLEAN, "outputs": {"out": 2}}


def test_rows_that_spoil_outputs_are_named(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({**BAD_ROWS, "predict": holed(world), "call": holed(world)}).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.FAIL,
        wording,
    )
    assert found.findings == {**CLEAN, "rows": ROWS_FOUND, "outputs": {"out": 2}}


def test_nan_that_predict_hides_fails(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({**BAD_ROWS, "call": holed(world)}).verdict(CHECK)
    assert (found.status, found.message) == (Status.FAIL, wording)
    assert found.findings == {**CLEAN, "rows": ROWS_FOUND, "hidden": {"out": 2}}


@pytest.mark.parametrize(
    ("row", "by", "status"), [(3, 0.5, Status.FAIL), (3, 2.0**-14, Status.WARN), (4, 0.5, Status.WARN)]
)
def test_bad_rows_that_the_two_ways_answer_otherwise_hide_nan(
    world: Any, row: int, by: float, status: Status
) -> None:
    """Other rows are for other checks."""
    found = world.where({**BAD_ROWS, "call": world.moved(by, (row,))}).verdict(CHECK)
    assert (found.status, found.findings["hidden"]) == (status, {"out": 1} if status is Status.FAIL else {})


def test_bad_rows_with_finite_answers_warn(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(BAD_ROWS).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.WARN,
        wording,
    )
    assert found.findings == {**CLEAN, "rows": ROWS_FOUND}


def test_the_worst_is_told_first(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where({**BAD_ROWS, "call": holed(world)}, data={"nonfinite_weights": ("w",)}).verdict(CHECK)
    assert found.message == wording


@pytest.mark.parametrize("route", ["predict", "rows", "call"])
def test_a_crash_is_an_error_for_nothing_was_scanned(world: Any, crashed: Trace, route: str) -> None:
    found = world.where({route: crashed}).verdict(CHECK)
    assert found.status is Status.ERROR
    assert "ValueError: boom" in str(found.reason)


def test_what_was_found_beats_a_crash(world: Any, crashed: Trace) -> None:
    assert (
        world.where({"predict": crashed}, data={"nonfinite_weights": ("w",)}).verdict(CHECK).status
        is Status.FAIL
    )


def test_a_predict_that_cannot_run_is_skipped(world: Any, missing: Trace) -> None:
    found = world.where({"predict": missing}).verdict(CHECK)
    assert (found.status, found.reason) == (Status.SKIP, "not on this machine")


def described(**rows: np.ndarray) -> dict[str, Any]:
    return {"description": DataFacts(**{kind: (rows_fact(values),) for kind, values in rows.items()})}  # type: ignore[arg-type]


FINE = np.arange(32.0).reshape(-1, 1)
HOLED = np.where(np.isin(FINE, (3, 9, 30)), np.nan, FINE)


def test_missing_values_that_are_filled_are_told(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(data=described(raw=HOLED, fed=FINE)).verdict(CHECK)
    assert (found.status, found.findings) == (Status.PASS, {**CLEAN, "filled": {"x": 3}})
    assert found.message == wording


def test_bad_rows_beyond_those_checked_are_counted(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(BAD_ROWS, data=described(raw=HOLED, fed=HOLED)).verdict(CHECK)
    assert found.findings["rows"] == {"x": {"rows": 3, "first": [3, 9, 30], "columns": ["0"]}}
    assert found.message == wording


def test_what_serving_loses_fails(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(data=described(raw=FINE, fed=FINE, served=HOLED)).verdict(CHECK)
    assert (found.status, found.findings) == (
        Status.FAIL,
        {**CLEAN, "served": {"x": {"rows": 3, "first": [3, 9, 30]}}},
    )
    assert found.message == wording
    assert (
        world.where(data=described(raw=HOLED, fed=HOLED, served=HOLED)).verdict(CHECK).findings["served"]
        == {}
    )


def test_bad_reference_rows_are_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    found = world.where(data=described(raw=FINE, fed=FINE, reference_fed=HOLED)).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.WARN,
        wording,
    )


@pytest.mark.parametrize(
    "statistics",
    [{"kind": "S", "mean": [1.0, np.nan]}, {"kind": "P", "parts": [{"kind": "S", "mean": [np.inf]}]}],
)
def test_a_scaler_that_remembers_nan_is_a_warning(
    world: Any, statistics: dict[str, Any], wording: SnapshotAssertion
) -> None:
    scaling = ScalingFact(kind="S", input="x", statistics=statistics)
    found = world.where(data={"description": DataFacts(scaling=scaling)}).verdict(CHECK)
    assert (found.status, found.message) == (
        Status.WARN,
        wording,
    )
