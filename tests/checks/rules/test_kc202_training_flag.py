"""KC202: a bare call is inference and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc202_training_flag import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.trace import Change, Trace

EFFECTS = [
    {"kind": "Dropout", "layers": ["drop"], "max_abs": 0.5},
    {"kind": "GaussianNoise", "layers": ["noise"], "max_abs": 0.0},
]
MOVED = (
    Change(path="bn/moving_mean", kind="weight", max_abs=0.1),
    Change(path="drop/seed", kind="seed", max_abs=1.0),
)


LATER = {"calls": 20, "moved": 4.5, "with_flag": 0.0, "restored": 0.0, "depends": True, "layer": "bn"}


def called(world: Any, changed: tuple[Change, ...], by: float = 0.0, **details: Any) -> Trace:
    return Trace(route="", outputs={"out": world.moved(by)}, changed=changed, details=details)


@pytest.mark.parametrize(
    ("by", "status"), [(0.0, Status.PASS), (2.0**-14, Status.PASS), (2.0**-12, Status.FAIL)]
)
def test_bare_call(world: Any, by: float, status: Status, wording: SnapshotAssertion) -> None:
    verdict = world.where({"bare-call": world.moved(by)}).verdict(CHECK)
    assert verdict.status is status
    assert verdict.message == wording


def test_layers_with_a_training_mode_are_reported_and_never_fail(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"training-call": Trace(route="", details={"effects": EFFECTS})}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )
    assert verdict.findings == {"training_effects": EFFECTS}


def test_a_call_that_changes_weights_fails_although_outputs_agree(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"bare-call": called(world, MOVED)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.FAIL,
        wording,
    )
    assert verdict.advice == wording


@pytest.mark.parametrize(
    ("details", "status"),
    [
        (LATER, Status.FAIL),
        ({**LATER, "moved": 0.0}, Status.WARN),
        ({**LATER, "moved": 0.0, "depends": False}, Status.PASS),
        ({**LATER, "with_flag": 4.5, "depends": False}, Status.PASS),
    ],
    ids=[
        "later outputs change",
        "far later outputs change",
        "no output depends",
        "inference changes as much",
    ],
)
def test_variables_that_a_bare_call_overwrites(
    world: Any, details: dict[str, Any], status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"bare-call": called(world, MOVED, **details)}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (status, wording)
    assert verdict.findings["changed_weights"] == ["bn/moving_mean"]


def test_outputs_that_differ_are_reported_before_weights_that_change(
    world: Any, wording: SnapshotAssertion
) -> None:
    verdict = world.where({"bare-call": called(world, MOVED, by=0.5)}).verdict(CHECK)
    assert verdict.findings["changed_weights"] == ["bn/moving_mean"]
    assert verdict.message == wording


def test_of_many_changed_weights_two_are_named(world: Any, wording: SnapshotAssertion) -> None:
    changed = tuple(replace(MOVED[0], path=f"bn_{number}/moving_mean") for number in range(4))
    verdict = world.where({"bare-call": called(world, changed, by=0.5)}).verdict(CHECK)
    assert len(verdict.findings["changed_weights"]) == 4
    assert verdict.message == wording


def test_changes_that_inference_makes_too_are_not_the_flag(world: Any) -> None:
    assert (
        world.where({"bare-call": called(world, MOVED), "call": called(world, MOVED)}).verdict(CHECK).status
        is Status.PASS
    )


def test_seeds_and_states_may_move(world: Any) -> None:
    moved = (
        Change(path="drop/seed", kind="seed", max_abs=1.0),
        Change(path="lstm/state", kind="state", max_abs=1.0),
    )
    assert world.where({"bare-call": called(world, moved)}).verdict(CHECK).status is Status.PASS


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"bare-call": crashed}).verdict(CHECK).status is Status.ERROR
    assert world.where({"bare-call": missing}).verdict(CHECK).status is Status.SKIP
    assert world.where({"training-call": missing}).verdict(CHECK).status is Status.PASS
