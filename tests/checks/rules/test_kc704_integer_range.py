"""KC704: rows and results that do not fit their integer dtype."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc704_integer_range import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.numerics.integer_range import WRAPPED_INTEGERS
from keras_consistency_cli.routes.trace import Trace

FRAMES = {"dtype": "uint8", "count": 40, "of": 90, "exact": -18.0, "became": 238}
TIMES = {"dtype": "int32", "count": 60, "of": 60, "exact": 1764547200000.0, "became": -684358656}


def verdict(world: Any, **details: Any) -> Any:
    trace = Trace(route=WRAPPED_INTEGERS, details={"inputs": {}, **details})
    return world.where({WRAPPED_INTEGERS: trace}).verdict(CHECK)


def wrapped(changed: float) -> dict[str, Any]:
    return {
        "layer": "motion",
        "kind": "Subtract",
        "operation": "Sub",
        "wrapped": FRAMES,
        "changed": changed,
        "scale": 2.0,
    }


def test_integers_that_fit_pass(world: Any) -> None:
    assert verdict(world).status is Status.PASS


@pytest.mark.parametrize(("changed", "status"), [(0.4, Status.FAIL), (1e-6, Status.PASS)])
def test_results_that_wrap_fail_if_the_outputs_depend_on_them(
    world: Any, changed: float, status: Status, wording: SnapshotAssertion
) -> None:
    found = verdict(world, **wrapped(changed))
    assert found.status is status
    assert found.findings.get("cause") == ("integer-overflow" if status is Status.FAIL else None)
    assert found.message == wording


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"stopped": True}, Status.FAIL),
        ({"changed": 0.0, "refused": "InvalidArgumentError: 300"}, Status.PASS),
    ],
)
def test_other_evidence(world: Any, more: dict[str, Any], status: Status, wording: SnapshotAssertion) -> None:
    found = verdict(world, **{**wrapped(0.4), **more})
    assert (found.status, found.message) == (status, wording)


def test_rows_that_do_not_fit_fail(world: Any, wording: SnapshotAssertion) -> None:
    found = verdict(world, inputs={"time": TIMES})
    assert (found.status, found.findings["cause"]) == (Status.FAIL, "integer-overflow")
    assert found.message == wording
