"""KC503: what is safe is information; the owner's own way of feeding is judged."""

from __future__ import annotations

from typing import Any

import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.kc503_step_by_step import CHECK
from keras_consistency_cli.facts import LayerFact
from keras_consistency_cli.routes.base import Trace

LAYERS = (LayerFact(path="lstm", kind="LSTM"),)
STATELESS = {"per_step": True, "steps": 8, "stateful": False, "past": 0.5, "future": 0.0, "prefix": 1e-7, "one_step": 0.8, "twin": 1e-7}
STATEFUL = {**STATELESS, "stateful": True, "one_step": 1e-7}
CAUSAL = {key: value for key, value in STATELESS.items() if key != "twin"}
AHEAD = {**CAUSAL, "future": 0.6, "layer": "both", "kind": "Bidirectional"}
LAST = {**STATELESS, "per_step": False}
BOUND = {**CAUSAL, "prefix": "it takes one length", "one_step": "it takes one length"}


def verdict_of(world: Any, details: dict[str, Any], said: str | None = None) -> Any:
    return world.where({"steps": Trace(route="", details=details)}, facts={"layers": LAYERS}, data={"step_by_step": said}).verdict(CHECK)


@pytest.mark.parametrize("details", [STATELESS, STATEFUL, CAUSAL, AHEAD, LAST, BOUND])
def test_without_a_word_from_the_owner_it_is_information(world: Any, details: dict[str, Any]) -> None:
    verdict = verdict_of(world, details)
    assert (verdict.status, verdict.findings, verdict.advice) == (Status.PASS, details, None)


def test_what_is_safe_is_told(world: Any) -> None:
    assert verdict_of(world, STATELESS).message == (
        "growing prefixes: right, no step looks ahead; one step at a time: not right, answers are off by 80%: the past is forgotten"
        "; a copy that carries its state is exact"
    )
    assert "later steps change earlier answers by 60% through 'both' (Bidirectional)" in verdict_of(world, AHEAD).message


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
def test_the_owners_way_is_judged(world: Any, details: dict[str, Any], prefix: Status, one_step: Status) -> None:
    for said, status in (("growing-prefix", prefix), ("one-step", one_step)):
        verdict = verdict_of(world, details, said)
        assert (verdict.status, verdict.findings.get("cause")) == (status, "stepwise-differs" if status is Status.FAIL else None)
        assert (verdict.advice is None) is (status is Status.PASS)


def test_the_advice_is_what_helps(world: Any) -> None:
    advice = [verdict_of(world, details, "one-step").advice[:12] for details in (STATELESS, CAUSAL, AHEAD)]
    assert advice == ["build it aga", "feed whole p", "feed whole s"]


def test_skips_and_crashes(world: Any, crashed: Trace) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (Status.SKIP, "the model has no layer that works along time")
    assert verdict_of(world, {}).reason == "no input is a series"
    assert world.where({"steps": crashed}, facts={"layers": LAYERS}).verdict(CHECK).status is Status.ERROR
