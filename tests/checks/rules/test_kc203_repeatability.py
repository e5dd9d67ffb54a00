"""KC203: the same outputs again, and nothing changed by predicting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.base import Pair
from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc203_repeatability import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Change, Trace

REPEATS = ("predict-again", "predict-retraced", "fresh-process")
WEIGHT = Change(path="count", kind="weight", max_abs=1.0)
STATE = Change(path="lstm/state", kind="state", max_abs=0.25)
COUNT = Change(path="fade.steps", kind="state", max_abs=1.0, plain=True)
SEED = Change(path="drop/seed", kind="seed", max_abs=1.0)


def predicting(world: Any, *changed: Change) -> Trace:
    return Trace(route="", outputs={"out": world.predict}, changed=changed)


def test_healthy(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.verdict(CHECK)
    assert (verdict.status, verdict.message, verdict.findings) == (
        Status.PASS,
        wording,
        {"changed": []},
    )
    assert [each.comparison.candidate for each in verdict.judged] == list(REPEATS)


@pytest.mark.parametrize(("by", "changed"), [(2.0**-14, ()), (2.0**-22, (SEED,))])
def test_outputs_that_change_from_call_to_call_are_random_however_little(
    world: Any, by: float, changed: tuple[Change, ...], wording: SnapshotAssertion
) -> None:
    verdict = world.where({"predict": predicting(world, *changed), "predict-again": world.moved(by)}).verdict(
        CHECK
    )
    assert (verdict.status, verdict.judged[0].limit.origin) == (Status.FAIL, "fallback")
    assert verdict.message == wording


def test_kernels_in_varying_order_are_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"predict-again": world.moved(2.0**-22)}).verdict(CHECK)
    assert verdict.status is Status.WARN
    assert verdict.message == wording


@pytest.mark.parametrize("route", REPEATS[1:])
@pytest.mark.parametrize(("by", "status"), [(2.0**-14, Status.WARN), (2.0**-12, Status.FAIL)])
def test_the_same_bits_are_expected_and_rounding_warns(
    world: Any, route: str, by: float, status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where({route: world.moved(by)}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording


@pytest.mark.parametrize("changed", [(WEIGHT,), (STATE, WEIGHT)], ids=["weight", "state and weight"])
def test_a_model_that_predicting_changes_fails_although_outputs_agree(
    world: Any, changed: tuple[Change, ...], wording: SnapshotAssertion
) -> None:
    verdict = world.where({"predict": predicting(world, *changed)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.FAIL, wording)
    assert verdict.findings == {
        "changed": [{"path": each.path, "kind": each.kind, "max_abs": each.max_abs} for each in changed]
    }


def test_a_state_that_no_output_depends_on_is_a_warning(world: Any) -> None:
    unused = world.where({"predict": predicting(world, STATE)})
    assert unused.verdict(CHECK).status is Status.WARN
    used = world.where({"predict": predicting(world, STATE), "predict-again": world.moved(2.0**-22)})
    assert used.verdict(CHECK).status is Status.FAIL


def test_a_seed_that_changes_passes_while_outputs_agree(world: Any) -> None:
    assert world.where({"predict": predicting(world, SEED)}).verdict(CHECK).status is Status.PASS


def test_changes_are_reported_with_outputs_that_differ(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"predict": predicting(world, SEED), "predict-again": world.moved(0.5)}).verdict(
        CHECK
    )
    assert verdict.message == wording


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    verdict = world.where({"fresh-process": crashed}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.ERROR, "fresh-process: ValueError: boom")
    assert world.where(dict.fromkeys(REPEATS, missing)).verdict(CHECK).status is Status.SKIP


@pytest.mark.parametrize(("declared", "status"), [("consecutive", Status.SKIP), ("independent", Status.WARN)])
def test_state_carried_on_purpose(world: Any, declared: str, status: Status) -> None:
    facts = {"layers": (LayerFact(path="lstm", kind="LSTM", stateful=True),)}
    changed = world.where(
        {"predict": predicting(world, STATE)},
        facts=facts,
        data=DataContext(owner=OwnerFacts(stateful_rows=declared)),
    )
    assert changed.verdict(CHECK).status is status


@pytest.mark.parametrize(("by", "status"), [(0.0, Status.WARN), (2.0**-5, Status.FAIL)])
def test_a_number_that_a_graph_keeps_has_an_effect_if_calls_differ(
    world: Any, by: float, status: Status
) -> None:
    traces = {"predict": predicting(world, COUNT), "call": world.moved(by)}
    pairs = (*CHECK.pairs, Pair(candidate="call", reference="predict"))
    assert world.where(traces).verdict(replace(CHECK, pairs=pairs)).status is status


def test_a_graph_that_reads_the_clock_fails_however_alike_its_outputs_are(world: Any) -> None:
    trace = Trace(route="", outputs={"out": world.predict}, details={"clock": ["age/Timestamp"]})
    verdict = world.where({"predict": trace}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "clock-read")
    assert "age/Timestamp" in verdict.message
