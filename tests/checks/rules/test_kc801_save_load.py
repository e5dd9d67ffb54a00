"""KC801: saved and loaded again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.rules.kc801_save_load import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.routes.trace import Change, Trace

PARTED = {
    "weights": [],
    "attributes": ["odd.k"],
    "config": [{"path": "layers/odd/config/k", "before": "6.0", "after": "12.0"}],
}
FORGOTTEN = {"layer": "odd", "kind": "Forgets", "argument": "b", "value": "0.0"}


def answer(world: Any, values: Any = None, **details: Any) -> Trace:
    """What a route of loading gives."""
    return Trace(route="", outputs={"out": world.predict if values is None else values}, details=details)


def test_the_same(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(facts={"keras": "3.15.1", "saved_with": "3.15.1"}).verdict(CHECK)
    assert (verdict.status, verdict.message, len(verdict.judged)) == (
        Status.PASS,
        wording,
        2,
    )


@pytest.mark.parametrize(
    ("route", "details", "cause"),
    [
        ("reloaded", {**PARTED, "repeatable": True}, "config-loses-arguments"),
        ("reloaded", {**PARTED, "repeatable": False}, "untracked-state"),
        ("loaded-again", {"weights": ["dense/kernel"]}, "untracked-state"),
    ],
    ids=["repeatable", "by chance", "loaded again"],
)
def test_different_outputs(
    world: Any, route: str, details: dict[str, Any], cause: str, wording: SnapshotAssertion
) -> None:
    parted = {"parting": {"layer": "odd", "kind": "Odd"}, **details}
    verdict = world.where({route: answer(world, world.moved(1e-2), **parted)}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["layer"]) == (
        Status.FAIL,
        cause,
        "odd",
    )
    assert verdict.message == wording


@pytest.mark.parametrize("witness", ["predict-again", "predict-retraced"])
def test_a_model_that_does_not_repeat_itself_is_for_another_check(
    world: Any, witness: str, wording: SnapshotAssertion
) -> None:
    answers = {"reloaded": answer(world, world.moved(1e-2)), witness: world.moved(1e-2)}
    verdict = world.where(answers).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_random_outputs_are_for_another_check_too(world: Any) -> None:
    random = Trace(
        route="", outputs={"out": world.predict}, changed=(Change(path="seed", kind="seed", max_abs=1.0),)
    )
    verdict = world.where({"predict": random, "reloaded": answer(world, world.moved(1e-2))}).verdict(CHECK)
    assert verdict.status is Status.SKIP


def test_state_that_no_file_holds_is_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    untracked = world.where({"reloaded": answer(world, untracked=["odd.v"], forgotten=[FORGOTTEN])}).verdict(
        CHECK
    )
    assert (untracked.status, untracked.findings["cause"], untracked.findings["layer"]) == (
        Status.WARN,
        "untracked-state",
        "odd",
    )
    assert untracked.message == wording
    forgotten = world.where({"reloaded": answer(world, untracked=[], forgotten=[FORGOTTEN])}).verdict(CHECK)
    assert (forgotten.status, forgotten.findings["cause"]) == (Status.WARN, "config-loses-arguments")
    assert (forgotten.message, forgotten.findings["mend"]) == wording


def test_a_model_that_cannot_be_saved_is_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where({"reloaded": Trace(route="", details={"failure": "TypeError: no"})}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )


def test_versions_are_reported(world: Any, wording: SnapshotAssertion) -> None:
    baked = (LayerFact(path="bn", kind="BatchNormalization", baked_training=True),)
    verdict = world.where(facts={"keras": "3.15.1", "saved_with": "3.9.0"}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    warned = world.where(facts={"layers": baked}).verdict(CHECK)
    assert warned.status is Status.WARN
    assert warned.message == wording


def test_training_true_without_an_effect_is_no_warning(world: Any) -> None:
    fixed = tuple(LayerFact(path=path, kind="Dropout", baked_training=True) for path in ("off", "on"))

    def verdict(*idle: str) -> Any:
        trace = Trace(route="", details={"without_effect": list(idle)})
        return world.where({"fixed-flags": trace}, facts={"layers": fixed}).verdict(CHECK)

    assert verdict("off", "on").status is Status.PASS
    assert "versions" not in verdict("off", "on").findings
    assert verdict("off").findings["versions"][0]["layer"] == "on"
    assert verdict("off").status is verdict().status is Status.WARN


STACKED = (
    LayerFact(path="masking", kind="Masking", masks=0.0),
    LayerFact(path="lstm", kind="LSTM"),
    LayerFact(path="lstm_1", kind="LSTM"),
)


def test_a_change_of_keras_between_saving_and_running_warns(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world.where(facts={"keras": "3.16.0", "saved_with": "3.15.1", "layers": STACKED}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.WARN,
        wording,
    )
    assert [(each["since"], each["state"]) for each in verdict.findings["versions"]] == [("3.16", "crossed")]


@pytest.mark.parametrize(("running", "advised"), [("3.15.1", True), ("3.16.0", False)])
def test_a_later_change_is_reported_and_a_past_one_is_not(
    world: Any, running: str, advised: bool, wording: SnapshotAssertion
) -> None:
    verdict = world.where(facts={"keras": running, "saved_with": running, "layers": STACKED}).verdict(CHECK)
    assert (verdict.status, verdict.message) == (Status.PASS, wording)
    assert (verdict.advice is not None) is advised
    assert verdict.advice == wording


def test_a_change_that_shows_rarely_is_not_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    lookup = (LayerFact(path="words", kind="StringLookup"),)
    verdict = world.where(facts={"keras": "3.15.1", "saved_with": "3.9.0", "layers": lookup}).verdict(CHECK)
    assert (verdict.status, verdict.advice) == (Status.PASS, wording)


def test_a_default_of_training_is_not_baked(world: Any) -> None:
    resizing = (LayerFact(path="resizing", kind="Resizing", baked_training=True, default_training=True),)
    assert world.where(facts={"layers": resizing}).verdict(CHECK).status is Status.PASS


def test_inference_written_into_the_graph_passes(world: Any) -> None:
    frozen = (LayerFact(path="bn", kind="BatchNormalization", baked_training=False),)
    assert world.where(facts={"layers": frozen}).verdict(CHECK).status is Status.PASS


def test_crash_and_absence(world: Any, crashed: Trace, missing: Trace) -> None:
    assert world.where({"loaded-again": crashed}).verdict(CHECK).status is Status.ERROR
    verdict = world.where({"loaded-again": missing, "reloaded": missing}).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, "reloaded, loaded-again: not on this machine")


def test_rounding_is_not_a_loss(world: Any) -> None:
    moved = world.predict + np.float32(2.0**-18)
    assert (
        world.where({"reloaded": answer(world, moved, parting={"layer": "odd"})}).verdict(CHECK).status
        is Status.PASS
    )


def test_a_difference_of_a_changed_config_is_not_rounding_however_small(
    world: Any, wording: SnapshotAssertion
) -> None:
    moved = world.predict + np.float32(2.0**-18)
    verdict = world.where(
        {"reloaded": answer(world, moved, parting={"layer": "odd"}, repeatable=True, **PARTED)}
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "config-loses-arguments")
    assert verdict.message == wording


def test_a_training_state_that_keras_cannot_load_is_a_warning(world: Any, wording: SnapshotAssertion) -> None:
    failure = "the state of the optimizer cannot be restored: shapes differ"
    verdict = world.where(facts={"compile_failure": failure}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.WARN, "training-state-unreadable")
    assert (verdict.message, verdict.advice) == wording


@pytest.mark.parametrize("reason", ["name", "holder", "absent", "unread"])
def test_weights_that_are_not_in_the_file_fail_although_two_loads_agree(
    world: Any, reason: str, wording: SnapshotAssertion
) -> None:
    unsaved = {
        "layer": "tower/step0",
        "kind": "Dense",
        "reason": reason,
        "owner": "'tower' (Tower)",
        "attribute": "_layers",
        "holder": "Box" if reason == "holder" else "",
        "parameters": 416,
    }
    verdict = world.where({"reloaded": answer(world, unsaved=[unsaved])}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["layer"]) == (
        Status.FAIL,
        "weights-not-loaded" if reason == "unread" else "weights-not-saved",
        "tower/step0",
    )
    assert (verdict.message, verdict.findings["mend"]) == wording


def test_an_argument_that_the_constructor_draws_is_lost_in_the_config(world: Any) -> None:
    details = {"parting": {"layer": "odd"}, "repeatable": False, "forgotten": [FORGOTTEN]}
    path = f"{FORGOTTEN['layer']}.{FORGOTTEN['argument']}"

    def cause(attributes: list[str]) -> Any:
        trace = answer(world, world.moved(1e-2), attributes=attributes, **details)
        return world.where({"reloaded": trace}).verdict(CHECK)

    assert cause([path]).findings["cause"] == "config-loses-arguments"
    assert FORGOTTEN["argument"] in cause([path]).findings["mend"]
    assert cause([path, "odd.table"]).findings["cause"] == "untracked-state"
    assert cause([]).findings["cause"] == "untracked-state"
