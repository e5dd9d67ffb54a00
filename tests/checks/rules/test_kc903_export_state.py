"""KC903: exports keep state as the model does."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.rules.kc903_export_state import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace
from tests.helpers.export_worlds import LABEL, details, verdict

ROUTE = f"state@{LABEL}"
STATEFUL = {"layers": (LayerFact(path="gru", kind="GRU", stateful=True),)}
CALLS = {"bare": 0.0, "fresh": 0.0, "training": 0.0, "off": 0.0, "scale": 1.0}


@pytest.mark.parametrize(
    ("own", "model_own", "facts", "status", "cause"),
    [
        (0.0, 0.0, {}, Status.PASS, None),
        (1e-7, 0.0, {}, Status.PASS, None),
        (0.3, 0.0, {}, Status.FAIL, "export-state-carried"),
        (0.0, 0.3, STATEFUL, Status.FAIL, "export-state-frozen"),
        (0.3, 0.3, STATEFUL, Status.WARN, "export-state-carried"),
        (0.3, 0.3, {}, Status.SKIP, None),
    ],
)
def test_two_calls(
    world: Any, own: float, model_own: float, facts: dict[str, Any], status: Status, cause: str | None
) -> None:
    answer = details(ROUTE, own=own, model_own=model_own, **CALLS)
    result = verdict(world, CHECK, {ROUTE: answer}, facts=facts)
    assert (result.status, result.findings.get("cause")) == (status, cause)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"bare": 0.4, "fresh": 0.3}, "export-training-true"),
        ({"fresh": 0.3}, "export-unrepeatable"),
        ({}, "export-state-carried"),
        ({"training": 0.4, "off": 0.2}, "export-training-true"),
        ({"training": 0.4}, "export-state-carried"),
        ({"off": 0.2}, "export-state-carried"),
    ],
)
def test_why_only_the_export_differs(world: Any, changed: dict[str, float], cause: str) -> None:
    answer = details(ROUTE, own=0.3, model_own=0.0, **{**CALLS, **changed})
    assert verdict(world, CHECK, {ROUTE: answer}).findings["cause"] == cause


def test_crash(world: Any, crashed: Trace) -> None:
    assert verdict(world, CHECK, {ROUTE: crashed}).status is Status.ERROR
