"""KC802: outputs recorded when the model was saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc802_recorded_outputs import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace
from tests.checks.conftest import NOISE


def recorded(values: Any, **details: Any) -> dict[str, Trace]:
    return {"recorded": Trace(route="", outputs={"out": values}, details={"given": True, **details})}


def test_the_same(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(recorded(world.predict)).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)


def test_rounding_of_another_machine_passes(world: Any) -> None:
    assert world.where(recorded(world.predict + np.float32(NOISE))).verdict(CHECK).status is Status.PASS


def test_doubles_are_taken(world: Any) -> None:
    assert world.where(recorded(world.predict.astype("float64"))).verdict(CHECK).status is Status.PASS


def test_one_row_moved(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(
        recorded(world.moved(1e-2)), facts={"keras": "3.15.1", "saved_with": "3.9.0"}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings) == (
        Status.FAIL,
        {"cause": "answers-moved", "forms": {}, "functions": {}, "rows": ""},
    )
    assert verdict.message == wording


def test_a_different_form_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(recorded(world.predict * 100, forms={"out": "today's answers × 100"})).verdict(
        CHECK
    )
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "recorded-in-other-form")
    assert verdict.message == wording


def test_other_shape_and_nan(world: Any) -> None:
    holed = world.predict.copy()
    holed[3] = np.nan
    assert [
        world.where(recorded(each)).verdict(CHECK).status for each in (world.predict[:, [0, 0]], holed)
    ] == [Status.FAIL, Status.FAIL]


def test_it_is_skipped_without_recorded_outputs(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"recorded": Trace(route="", details={"given": False})}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_crash(world: Any, crashed: Trace) -> None:
    assert world.where({"recorded": crashed}).verdict(CHECK).status is Status.ERROR


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.PASS), (1e-2, Status.FAIL)])
def test_rounding_of_the_record_is_reported(
    world: Any, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where(recorded(world.moved(by), rounded={"out": "float16"})).verdict(CHECK)
    assert (verdict.status, verdict.findings["rounded"]) == (status, {"out": "float16"})
    assert verdict.message == wording


def test_outputs_in_the_units_of_the_targets_pass(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(recorded(world.predict, units={"out": "StandardScaler"})).verdict(CHECK)
    assert (verdict.status, verdict.findings["units"]) == (Status.PASS, {"out": "StandardScaler"})
    assert verdict.message == wording


def test_a_target_scaler_that_gives_another_line_fails(world: Any, wording: SnapshotAssertion) -> None:
    words = {"out": "recorded outputs are outputs × 30 + 400, the StandardScaler gives outputs × 4 + 20"}
    answers = recorded(world.moved(400.0, range(32)), contradictions=words, forms={"out": "a line"})
    verdict = world.where(answers).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "target-scaler-foreign")
    assert verdict.message == wording


def test_other_weights_of_the_file_are_named(world: Any, wording: SnapshotAssertion) -> None:
    found = recorded(world.moved(1e-2), weights="the averaged weights that the optimizer holds (use_ema)")
    verdict = world.where(found).verdict(CHECK)
    assert verdict.findings["cause"] == "recorded-with-other-weights"
    assert verdict.message == wording


def test_rows_that_were_prepared_differently_are_named(world: Any, wording: SnapshotAssertion) -> None:
    found = recorded(world.moved(1e-2), rows="rows divided by 255")
    verdict = world.where(found).verdict(CHECK)
    assert verdict.findings["cause"] == "recorded-from-other-rows"
    assert verdict.message == wording
