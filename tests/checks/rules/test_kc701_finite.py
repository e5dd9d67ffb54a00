"""KC701: NaN and infinity do not occur, or at least are not hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc701_finite import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.data_facts import DataFacts, ScalingFact
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.described import rows_fact

CLEAN: dict[str, Any] = {
    "rows": {},
    "weights": [],
    "hidden": {},
    "made": {},
    "outputs": {},
    "served": {},
    "filled": {},
}
BAD_ROWS = {"rows": {"x": np.isin(np.arange(32), (3, 9))}}
ROWS_FOUND = {"x": {"rows": 2, "first": [3, 9]}}


def holed(world: Any, value: float = float("nan")) -> np.ndarray:
    values: np.ndarray = world.predict.copy()
    values[[3, 9]] = value
    return values


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.findings) == (
        Status.PASS,
        wording,
        CLEAN,
    )


def test_bad_weights_fail(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(data=DataContext(nonfinite_weights=("dense/kernel", "dense/bias"))).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.FAIL, wording)
    assert verdict.findings == {**CLEAN, "weights": ["dense/kernel", "dense/bias"]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_outputs_that_are_not_finite_fail_although_both_routes_agree(
    world: Any, value: float, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"predict": holed(world, value), "call": holed(world, value)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.findings == {**CLEAN, "outputs": {"out": 2}}


def test_rows_that_spoil_outputs_are_named(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({**BAD_ROWS, "predict": holed(world), "call": holed(world)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.findings == {**CLEAN, "rows": ROWS_FOUND, "outputs": {"out": 2}}


def test_nan_that_predict_hides_fails(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({**BAD_ROWS, "call": holed(world)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.FAIL, wording)
    assert verdict.findings == {**CLEAN, "rows": ROWS_FOUND, "hidden": {"out": 2}}


@pytest.mark.parametrize(
    ("row", "by", "status"), [(3, 0.5, Status.FAIL), (3, 2.0**-14, Status.WARN), (4, 0.5, Status.WARN)]
)
def test_bad_rows_with_different_numbers_in_the_two_hide_nan(
    world: Any, row: int, by: float, status: Status
) -> None:
    """Other rows are for other checks."""
    verdict = world.where({**BAD_ROWS, "call": world.moved(by, (row,))}).verdict(CHECK)
    assert (verdict.status, verdict.findings["hidden"]) == (
        status,
        {"out": 1} if status is Status.FAIL else {},
    )


@pytest.mark.parametrize(("by", "status"), [(0.5, Status.FAIL), (2.0**-20, Status.WARN)])
def test_without_noise_the_last_bits_of_bad_rows_hide_no_nan(world: Any, by: float, status: Status) -> None:
    unknown = Trace(route="", error="no float64 copy")
    answers = {**BAD_ROWS, "predict-float64": unknown, "call": world.moved(by)}
    assert world.where(answers).verdict(CHECK).status is status


def test_bad_rows_with_finite_outputs_warn(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(BAD_ROWS).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )
    assert verdict.findings == {**CLEAN, "rows": ROWS_FOUND}


def test_a_model_that_looks_for_nan_is_not_warned_of(world: Any, wording: SnapshotAssertion) -> None:
    rows = Trace(route="", outputs=BAD_ROWS["rows"], details={"looks_for_nan": True})
    verdict = world.where({"rows": rows}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    hidden = world.where({"rows": rows, "call": holed(world)}).verdict(CHECK)
    assert hidden.status is Status.FAIL, "predict hides NaN all the same"


def test_the_worst_is_reported_first(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        {**BAD_ROWS, "call": holed(world)}, data=DataContext(nonfinite_weights=("w",))
    ).verdict(CHECK)
    assert verdict.message == wording


@pytest.mark.parametrize("route", ["predict", "rows", "call"])
def test_a_crash_is_an_error_because_nothing_was_scanned(world: Any, crashed: Trace, route: str) -> None:
    verdict = world.where({route: crashed}).verdict(CHECK)
    assert verdict.status is Status.ERROR
    assert "ValueError: boom" in str(verdict.reason)


def test_bad_values_are_reported_before_a_crash(world: Any, crashed: Trace) -> None:
    assert (
        world.where({"predict": crashed}, data=DataContext(nonfinite_weights=("w",))).verdict(CHECK).status
        is Status.FAIL
    )


def test_a_predict_that_cannot_run_is_skipped(world: Any, missing: Trace) -> None:
    verdict = world.where({"predict": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, "not on this machine")


def described(**rows: np.ndarray) -> DataContext:
    facts: dict[str, Any] = {kind: (rows_fact(values),) for kind, values in rows.items()}
    return DataContext(description=DataFacts(**facts))


FINE = np.arange(32.0).reshape(-1, 1)
HOLED = np.where(np.isin(FINE, (3, 9, 30)), np.nan, FINE)


def test_missing_values_that_are_filled_are_reported(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(data=described(raw=HOLED, fed=FINE)).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (Status.PASS, {**CLEAN, "filled": {"x": 3}})
    assert verdict.message == wording


def test_bad_rows_beyond_those_checked_are_counted(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(BAD_ROWS, data=described(raw=HOLED, fed=HOLED)).verdict(CHECK)
    assert verdict.findings["rows"] == {"x": {"rows": 3, "first": [3, 9, 30], "columns": ["0"]}}
    assert verdict.message == wording


def test_values_that_serving_loses_fail(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(data=described(raw=FINE, fed=FINE, served=HOLED)).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (
        Status.FAIL,
        {**CLEAN, "served": {"x": {"rows": 3, "first": [3, 9, 30]}}},
    )
    assert verdict.message == wording
    assert (
        world.where(data=described(raw=HOLED, fed=HOLED, served=HOLED)).verdict(CHECK).findings["served"]
        == {}
    )


def test_bad_reference_rows_are_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(data=described(raw=FINE, fed=FINE, reference_fed=HOLED)).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )


@pytest.mark.parametrize(
    "statistics",
    [{"kind": "S", "mean": [1.0, np.nan]}, {"kind": "P", "parts": [{"kind": "S", "mean": [np.inf]}]}],
)
def test_a_scaler_that_stores_nan_is_a_warning(
    world: Any, statistics: dict[str, Any], wording: SnapshotAssertion
) -> None:
    scaling = ScalingFact(kind="S", input="x", statistics=statistics)
    verdict = world.where(data=DataContext(description=DataFacts(scaling=scaling))).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )
