"""KC502: carried state, judged by what the owner says about the rows."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc502_state_reset import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts
from keras_consistency_cli.measurement.facts import InputFact, LayerFact
from keras_consistency_cli.routes.trace import Trace

MEMORY = (LayerFact(path="lstm", kind="LSTM", stateful=True),)
LSTM = (LayerFact(path="lstm", kind="LSTM"),)
TWO = tuple(InputFact(name=name, shape=(None, 2), dtype="float32") for name in "ab")


def memory_trace(**details: Any) -> Trace:
    usual = {
        "steps": 6,
        "curve": [0.5, 0.05, 0.0],
        "scale": 1.0,
        "poisoned": True,
        "healed": True,
        "default_predict": "ValueError",
    }
    return Trace(route="", details={**usual, **details})


def stateful(
    world: Any, *, moved: float = 0.5, rows: str = "independent", batch: int = 4, **details: Any
) -> Any:
    answers = {"predict-again": world.moved(moved), "state-memory": memory_trace(**details)}
    facts = {"layers": MEMORY, "batch_size": batch}
    return world.where(
        answers, facts=facts, data=DataContext(owner=OwnerFacts(stateful_rows=rows), batch_size=32)
    )


def test_carried_over_between_independent_rows(world: Any, wording: SnapshotAssertion) -> None:
    verdict = stateful(world).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["steps"]) == (
        Status.FAIL,
        "state-carry-over",
        6,
    )
    assert verdict.message == wording
    assert verdict.advice == wording


def test_a_memory_that_lasts_longer_than_measured(world: Any, wording: SnapshotAssertion) -> None:
    changed = stateful(world, curve=[0.5, 0.25], poisoned=False, default_predict="answers")
    assert changed.verdict(CHECK).message == wording


def test_the_loop_names_the_keras_that_runs(world: Any, wording: SnapshotAssertion) -> None:
    advice = str(
        stateful(world)
        .where(facts={"layers": MEMORY, "batch_size": 4, "keras": "3.15.1"})
        .verdict(CHECK)
        .advice
    )
    assert advice == wording


@pytest.mark.parametrize(
    ("steps", "curve"),
    [(1, [0.5, 0.25, 0.1, 0.01, 0.0]), (1, [0.5, 0.0, 0.1, 0.0]), (1, [0.0, 0.0])],
    ids=["fades", "returns", "gone at once"],
)
def test_how_long_the_memory_lasts(
    world: Any, steps: int, curve: list[float], wording: SnapshotAssertion
) -> None:
    assert stateful(world, steps=steps, curve=curve).verdict(CHECK).message == wording


@pytest.mark.parametrize(
    "saved",
    [
        {"lost": 0.25, "copied": True, "scale": 1.0},
        {"lost": 0.25, "copied": False, "scale": 1.0},
        {"lost": 0.0, "copied": True, "scale": 1.0},
    ],
    ids=["copying helps", "copying does not help", "nothing lost"],
)
def test_the_loss_by_saving_is_reported(
    world: Any, saved: dict[str, Any], wording: SnapshotAssertion
) -> None:
    verdict = stateful(world).where({"state-saved": Trace(route="", details=saved)}).verdict(CHECK)
    assert verdict.message == wording
    assert verdict.findings["saving"] == saved


def test_a_memory_that_does_not_change_outputs_passes(world: Any) -> None:
    assert stateful(world, moved=0.0).verdict(CHECK).status is Status.PASS


@pytest.mark.parametrize(
    ("batch", "status", "cause"), [(1, Status.PASS, None), (4, Status.WARN, "state-batch-mismatch")]
)
def test_carrying_is_right_for_consecutive_rows(
    world: Any, batch: int, status: Status, cause: str | None
) -> None:
    verdict = stateful(world, rows="consecutive", batch=batch).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (status, cause)


@pytest.mark.parametrize(
    ("rows", "gaps", "status"),
    [
        ("consecutive", (1.0, 0.1), Status.PASS),
        ("consecutive", (0.1, 1.0), Status.WARN),
        ("consecutive", (1.0, 0.9), Status.WARN),
        ("interleaved", (1.0, 0.9), Status.PASS),
        ("interleaved", (0.1, 1.0), Status.WARN),
        ("interleaved", None, Status.PASS),
    ],
    ids=["of several", "of one", "not clear", "declared", "declared wrongly", "not measured"],
)
def test_rows_show_which_row_continues_which(
    world: Any, rows: str, gaps: tuple[float, float] | None, status: Status
) -> None:
    names = ("gap_to_next_row", "gap_to_next_batch")
    details = dict(zip(names, gaps, strict=True)) if gaps else {}
    assert stateful(world, rows=rows, **details).verdict(CHECK).status is status


def test_a_short_tail_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    tail = Trace(route="", details={"given": 9}, outputs={"out": world.predict[:12]})
    assert stateful(world).where({"short-tail": tail}).verdict(CHECK).message == wording


def test_a_reset_must_bring_back_the_same_bits(world: Any, wording: SnapshotAssertion) -> None:
    verdict = stateful(world).where({"predict-reset": world.moved(2.0**-20)}).verdict(CHECK)
    assert (verdict.status, "cause" in verdict.findings) == (Status.FAIL, False)
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("layers", "rows", "more", "status"),
    [
        (LSTM, "independent", {}, Status.SKIP),
        ((), "consecutive", {}, Status.SKIP),
        (LSTM, "consecutive", {}, Status.FAIL),
        (LSTM, "consecutive", {"inputs": TWO}, Status.SKIP),
    ],
)
def test_models_without_state(
    world: Any, layers: Any, rows: str, more: dict[str, Any], status: Status
) -> None:
    verdict = world.where(
        facts={"layers": layers, **more}, data=DataContext(owner=OwnerFacts(stateful_rows=rows))
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        "state-not-carried" if status is Status.FAIL else None,
    )


def test_crash(world: Any, crashed: Trace) -> None:
    assert stateful(world).where({"predict-reset": crashed}).verdict(CHECK).status is Status.ERROR
