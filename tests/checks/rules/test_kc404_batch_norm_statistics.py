"""KC404: statistics of BatchNormalization compared with the rows that reach the layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc404_batch_norm_statistics import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace


def layer(path: str, distance: float, size: float = 1.0, **more: Any) -> dict[str, Any]:
    numbers = {"distance": distance, "size": size, "feature": 2, "stored": 15.8, "seen": 78.8}
    parts = {"live": 26, "far": 0, "initial_share": None}
    return {"path": path, **numbers, **parts, "untouched": False, **more}


def measured(*layers: dict[str, Any], source: str = "reference", rows: int = 100) -> Trace:
    return Trace(route="", details={"source": source, "rows": rows, "layers": list(layers)})


@pytest.mark.parametrize(
    ("trace", "status"),
    [
        (measured(layer("a", 0.02), layer("b", 0.3)), Status.PASS),
        (measured(layer("a", 0.02), layer("b", 0.6), layer("c", 0.9)), Status.FAIL),
        (measured(layer("a", 0.6, size=6.0), source="data"), Status.FAIL),
        (measured(layer("a", 0.6, size=1.5), source="data"), Status.PASS),
        (measured(layer("a", 0.45, size=6.0), source="data"), Status.PASS),
        (measured(), Status.SKIP),
        (measured(layer("a", 0.9, untouched=True)), Status.WARN),
        (measured(layer("a", 0.1, untouched=True)), Status.PASS),
        (measured(layer("a", 0.9, untouched=True), layer("b", 0.9)), Status.FAIL),
        (measured(layer("a", 0.9), rows=4), Status.SKIP),
        (Trace(route="", details={"reason": "the model has no BatchNormalization layer"}), Status.SKIP),
        (measured(layer("a", 0.3, far=6, initial_share=0.95), source="data"), Status.FAIL),
        (measured(layer("a", 0.3, far=2, initial_share=0.95), source="data"), Status.FAIL),
        (measured(layer("a", 0.3, size=4.0, initial_share=0.95), source="data"), Status.FAIL),
        (measured(layer("a", 0.2, size=4.0, initial_share=0.3), source="data"), Status.PASS),
        (measured(layer("a", 0.3, size=0.3, initial_share=0.1), source="data"), Status.PASS),
        (measured(layer("a", 0.3, untouched=True, initial_share=1.0), source="data"), Status.PASS),
        (measured(layer("a", 0.3, far=6), source="data"), Status.WARN),
        (measured(layer("a", 0.3, far=6)), Status.FAIL),
        (measured(layer("a", 0.3, far=2)), Status.PASS),
        (measured(layer("a", 0.3, far=2), layer("b", 0.3, far=6), source="data"), Status.WARN),
        (measured(layer("a", 0.3, far=9), layer("b", 0.9, size=9.0), source="data"), Status.FAIL),
        (measured(layer("a", 0.3, far=6, untouched=True, initial_share=1.0), source="data"), Status.WARN),
    ],
    ids=[
        "fits",
        "second layer",
        "rows far outside",
        "narrow rows",
        "shifted rows",
        "no row reaches one",
        "untouched but trained",
        "untouched, rows of mean 0",
        "untouched and few steps",
        "few rows",
        "no layer",
        "strong minority of few steps",
        "small minority of few steps",
        "no feature far outside after few steps",
        "little effect of the start",
        "values that shrink after few steps",
        "as created, on rows not far away",
        "strong minority",
        "strong minority of the training rows",
        "single features",
        "strong minority in the second layer",
        "strong minority before a layer that fails",
        "strong minority, untouched but trained",
    ],
)
def test_statistics(world: Any, trace: Trace, status: Status, wording: SnapshotAssertion) -> None:
    verdict = world.where({"batch-norm-statistics": trace}).verdict(CHECK)
    assert (verdict.status, verdict.reason or verdict.message) == (status, wording)


@pytest.mark.parametrize(
    ("share", "effect", "size", "status"),
    [
        (0.47, 0.27, 1.6, Status.FAIL),
        (0.47, 0.05, 1.6, Status.PASS),
        (0.06, 0.6, 1.6, Status.PASS),
        (None, 0.6, 1.6, Status.PASS),
        (0.94, 0.72, 0.5, Status.PASS),
    ],
    ids=["fault", "little effect", "small share", "no mixture", "values shrink"],
)
def test_a_large_share_of_the_start_fails_if_outputs_change_without_it(
    world: Any, share: float | None, effect: float, size: float, status: Status
) -> None:
    trace = measured(layer("a", 0.01), layer("b", 0.2, size, initial_share=share), source="data")
    trace = replace(trace, details={**trace.details, "effect": effect})
    verdict = world.where({"batch-norm-statistics": trace}).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("layer")) == (status, "b" if status is Status.FAIL else None)


def test_the_first_layer_that_does_not_fit_is_the_cause(world: Any) -> None:
    trace = measured(layer("a", 0.02), layer("b", 0.6), layer("c", 0.9))
    findings = world.where({"batch-norm-statistics": trace}).verdict(CHECK).findings
    assert (findings["cause"], findings["layer"]) == ("batch-norm-statistics", "b")


def test_a_mixture_with_the_start_is_a_finding(world: Any) -> None:
    def findings(**more: Any) -> Any:
        trace = measured(layer("a", 0.9, **more))
        return world.where({"batch-norm-statistics": trace}).verdict(CHECK).findings

    assert findings(initial_share=0.95)["initial_share"] == 0.95
    assert "initial_share" not in findings()
    assert "initial_share" not in findings(initial_share=1.0, untouched=True)


def test_a_layer_that_fails_comes_before_one_that_warns(world: Any) -> None:
    trace = measured(layer("a", 0.3, far=9), layer("b", 0.9, size=9.0), source="data")
    assert world.where({"batch-norm-statistics": trace}).verdict(CHECK).findings["layer"] == "b"


def test_a_crash_is_an_error(world: Any, crashed: Trace) -> None:
    assert world.where({"batch-norm-statistics": crashed}).verdict(CHECK).status is Status.ERROR


@pytest.mark.parametrize(
    ("called", "share", "status"),
    [
        ({"a": False}, None, Status.WARN),
        ({"backbone": False}, None, Status.FAIL),
        ({"a": False}, 0.4, Status.FAIL),
        ({"a": None}, None, Status.FAIL),
        ({"a": True}, None, Status.FAIL),
    ],
)
def test_a_layer_that_the_graph_calls_in_inference_mode(
    world: Any,
    called: dict[str, bool | None],
    share: float | None,
    status: Status,
    wording: SnapshotAssertion,
) -> None:
    layers = tuple(LayerFact(path=path, kind="x", baked_training=flag) for path, flag in called.items())
    trace = measured(layer("a/b", 0.9, initial_share=share))
    verdict = world.where({"batch-norm-statistics": trace}, facts={"layers": layers}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.advice == wording
