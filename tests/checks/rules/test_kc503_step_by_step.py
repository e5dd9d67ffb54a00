"""KC503: ways of feeding a sequence are information; the one that the owner states is judged."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc503_step_by_step import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Trace

LAYERS = (LayerFact(path="lstm", kind="LSTM"),)
STATELESS = {
    "per_step": True,
    "steps": 8,
    "stateful": False,
    "past": 0.5,
    "future": 0.0,
    "prefix": 1e-7,
    "one_step": 0.8,
    "twin": 1e-7,
}
STATEFUL = {**STATELESS, "stateful": True, "one_step": 1e-7}
CAUSAL = {key: value for key, value in STATELESS.items() if key != "twin"}
AHEAD = {**CAUSAL, "future": 0.6, "layer": "both", "kind": "Bidirectional"}
LAST = {**STATELESS, "per_step": False}
BOUND = {**CAUSAL, "prefix": "it takes one length", "one_step": "it takes one length"}


def verdict_of(world: Any, details: dict[str, Any], declared: str | None = None) -> Any:
    return world.where(
        {"steps": Trace(route="", details=details)},
        facts={"layers": LAYERS},
        data=DataContext(owner=OwnerFacts(step_by_step=declared)),
    ).verdict(CHECK)


@pytest.mark.parametrize("details", [STATELESS, STATEFUL, CAUSAL, AHEAD, LAST, BOUND])
def test_it_is_information_unless_the_owner_states_a_way(world: Any, details: dict[str, Any]) -> None:
    verdict = verdict_of(world, details)
    assert (verdict.status, verdict.findings, verdict.advice) == (Status.PASS, details, None)


def test_a_layer_that_contradicts_a_causal_mask_fails_without_a_statement(world: Any) -> None:
    details = {**AHEAD, "contradicts": True}
    verdict = verdict_of(world, details)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "stepwise-differs")
    assert verdict_of(world, details, "one-step").status is Status.FAIL
    assert verdict_of(world, {**AHEAD, "contradicts": False}).status is Status.PASS


def test_each_way_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    assert verdict_of(world, STATELESS).message == wording
    assert verdict_of(world, AHEAD).message == wording


@pytest.mark.parametrize(
    ("details", "prefix", "one_step"),
    [
        (STATELESS, Status.PASS, Status.FAIL),
        (STATEFUL, Status.PASS, Status.PASS),
        (CAUSAL, Status.PASS, Status.FAIL),
        (AHEAD, Status.FAIL, Status.FAIL),
        (LAST, Status.PASS, Status.FAIL),
        (BOUND, Status.WARN, Status.FAIL),
        ({**CAUSAL, "prefix": 0.3}, Status.FAIL, Status.FAIL),
    ],
)
def test_the_way_that_the_owner_states_is_judged(
    world: Any, details: dict[str, Any], prefix: Status, one_step: Status
) -> None:
    for declared, status in (("growing-prefix", prefix), ("one-step", one_step)):
        verdict = verdict_of(world, details, declared)
        assert (verdict.status, verdict.findings.get("cause")) == (
            status,
            "stepwise-differs" if status is Status.FAIL else None,
        )
        assert (verdict.advice is None) is (status is Status.PASS)


def test_the_advice_fits_the_model(world: Any, wording: SnapshotAssertion) -> None:
    for details in (STATELESS, CAUSAL, AHEAD):
        assert verdict_of(world, details, "one-step").advice == wording


ENCODED = {**STATELESS, "encoder": True}
REACHING = {**CAUSAL, "window": {"steps": 8, "reach": 8, "off": 1e-7}}
PLACED = {**CAUSAL, "window": {"steps": 8, "reach": 8, "off": 0.25}}
ENDLESS = {**CAUSAL, "window": {"steps": 10, "reach": None, "off": 0.25}}


@pytest.mark.parametrize(
    "details",
    [ENCODED, {**STATELESS, "twin": "it has no file"}, {**STATELESS, "twin": 0.5}, REACHING, PLACED, ENDLESS],
    ids=["encoder", "no copy", "copy differs", "window reaches", "positions counted", "window too short"],
)
def test_copies_and_windows_are_reported(
    world: Any, details: dict[str, Any], wording: SnapshotAssertion
) -> None:
    assert verdict_of(world, details).message == wording


@pytest.mark.parametrize(
    ("details", "status"),
    [
        (REACHING, Status.PASS),
        (PLACED, Status.FAIL),
        (ENDLESS, Status.FAIL),
        (STATEFUL, Status.SKIP),
        (BOUND, Status.SKIP),
    ],
)
def test_sliding_windows_are_judged(world: Any, details: dict[str, Any], status: Status) -> None:
    verdict = verdict_of(world, details, "sliding-window")
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        "stepwise-differs" if status is Status.FAIL else None,
    )


def test_a_decoder_gets_its_own_advice(world: Any, wording: SnapshotAssertion) -> None:
    assert verdict_of(world, ENCODED, "one-step").advice == wording


def test_skips_and_crashes(world: Any, crashed: Trace, wording: SnapshotAssertion) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (
        Status.SKIP,
        wording,
    )
    assert verdict_of(world, {}).reason == wording
    assert world.where({"steps": crashed}, facts={"layers": LAYERS}).verdict(CHECK).status is Status.ERROR
