"""KC904: exports have the inputs and outputs of the model."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.rules.kc904_export_interface import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.export_worlds import LABEL, interface, refused, verdict

ROUTE = f"interface@{LABEL}"


@pytest.mark.parametrize(
    ("changed", "status", "cause"),
    [
        ({}, Status.PASS, None),
        ({"order": [1, 0], "interchangeable": True}, Status.WARN, "export-outputs-reordered"),
        ({"order": [1, 0], "interchangeable": False}, Status.PASS, None),
        ({"order": [], "interchangeable": True}, Status.PASS, None),
        ({"tried": [{"input": "x", "dtype": "float64", "result": "refused"}]}, Status.PASS, None),
    ],
)
def test_interface(world: Any, changed: dict[str, Any], status: Status, cause: str | None) -> None:
    result = verdict(world, CHECK, {ROUTE: interface(**changed)})
    assert (result.status, result.findings.get("cause")) == (status, cause)


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("package-missing", Status.SKIP),
        ("export-fails", Status.WARN),
        ("unsupported-operators", Status.FAIL),
        ("export-of-other-model", Status.FAIL),
        ("", Status.FAIL),
    ],
)
def test_refusals(world: Any, cause: str, status: Status) -> None:
    assert verdict(world, CHECK, {ROUTE: refused("because", cause)}).status is status


def test_crash(world: Any, crashed: Trace) -> None:
    assert verdict(world, CHECK, {ROUTE: crashed}).status is Status.ERROR
