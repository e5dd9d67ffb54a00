"""KC504: padding that changes outputs, with a mask and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.context import DataContext
from keras_consistency_cli.checks.rules.kc504_padding import CHECK
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.setting_types import OwnerFacts, Padding
from keras_consistency_cli.measurement.facts import InputFact, LayerFact
from keras_consistency_cli.routes.trace import Trace

MASKED = (LayerFact(path="masking", kind="Masking", masks=0.0), LayerFact(path="lstm", kind="LSTM"))
PLAIN = (LayerFact(path="lstm", kind="LSTM"),)
FOUND = {
    "declared": True,
    "mask": 0.0,
    "side": "right",
    "padded_rows": 24,
    "other_value": False,
    "lengths": [5, 7],
    "inner_steps": 0,
}
LOST = Trace(route="", details={"layer": "conv", "kind": "Conv1D"})


def world_of(
    world: Any,
    *,
    moved: float = 0.0,
    layers: Any = MASKED,
    lost: Trace | None = None,
    answers: bool = True,
    found: Any = None,
    **details: Any,
) -> Any:
    outputs = {"out": world.moved(moved)} if answers else {}
    routes = {
        "unpadded": Trace(route="", outputs=outputs, details={**FOUND, **details, **(found or {})}),
        "unpadded-baseline": world.predict if answers else Trace(route=""),
    }
    return world.where({**routes, "masks": lost or Trace(route="")}, facts={"layers": layers})


def leak(layer: str, kind: str, **more: Any) -> dict[str, Any]:
    found = {"layer": layer, "kind": kind, "stock": False, "takes_mask": True, "given_mask": True}
    return {
        **found,
        "counts_positions": False,
        "reverses_time": False,
        "makes_mask": False,
        "uses": [],
        "before": 0.5,
        "left": 0.0,
        "scale": 1.0,
        **more,
    }


def test_padding_that_does_not_matter(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )
    assert verdict.findings == FOUND


def test_rounding_between_lengths_is_not_padding(world: Any) -> None:
    assert world_of(world, moved=2.0**-14).verdict(CHECK).status is Status.PASS


def test_a_mask_that_is_lost(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, moved=0.5, lost=LOST).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["lost"]) == (
        Status.FAIL,
        "mask-lost",
        {"layer": "conv", "kind": "Conv1D"},
    )
    assert verdict.message == wording


def test_a_mask_that_is_not_used(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, moved=0.5, added=[1, 3]).verdict(CHECK)
    assert (verdict.status, verdict.findings["lost"]) == (Status.FAIL, {})
    assert verdict.message == wording


@pytest.mark.parametrize(
    ("details", "status", "cause"),
    [
        ({"declared": False}, Status.WARN, "padding-unmasked"),
        ({"other_value": True, "value": [-1.25]}, Status.FAIL, "padding-unmasked"),
    ],
)
def test_padding_that_nothing_masks(world: Any, details: dict[str, Any], status: Status, cause: str) -> None:
    verdict = world_of(world, moved=0.5, **details).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, cause)


def test_outputs_that_become_nan_count(world: Any) -> None:
    spoiled = world.predict.copy()
    spoiled[3] = np.nan
    routes = {
        "unpadded": Trace(route="", outputs={"out": spoiled}, details=FOUND),
        "unpadded-baseline": world.predict,
    }
    assert world.where(routes, facts={"layers": MASKED}).verdict(CHECK).status is Status.FAIL


@pytest.mark.parametrize(
    ("details", "status", "cause"),
    [
        ({"empty_rows": 2, "empty_answers_nan": True}, Status.FAIL, "fully-masked-row"),
        ({"empty_rows": 2, "empty_answers_nan": False}, Status.PASS, None),
        ({"inner_steps": 4}, Status.WARN, None),
    ],
)
def test_rows_and_steps_that_look_like_padding(
    world: Any, details: dict[str, Any], status: Status, cause: str | None
) -> None:
    verdict = world_of(world, **details).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (status, cause)


@pytest.mark.parametrize(
    "details", [{"refused": "it cannot be rebuilt"}, {"declared": False}], ids=["refused", "no mask"]
)
def test_nothing_to_compare(world: Any, details: dict[str, Any], wording: SnapshotAssertion) -> None:
    verdict = world_of(world, answers=False, lost=LOST, **details).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, wording)


def test_models_without_time_and_crashes(world: Any, crashed: Trace, wording: SnapshotAssertion) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (
        Status.SKIP,
        wording,
    )
    assert world.where({"unpadded": crashed}, facts={"layers": PLAIN}).verdict(CHECK).status is Status.ERROR


def test_the_padding_value_is_reported(world: Any, wording: SnapshotAssertion) -> None:
    stray = world_of(world, moved=0.5, other_value=True, value=[-1.0, -1.0], foreign_steps=4)
    assert stray.verdict(CHECK).message == wording
    by_feature = world_of(world, moved=0.5, other_value=True, value=[0.5, 2.0])
    assert by_feature.verdict(CHECK).message == wording


def test_time_steps_that_are_skipped_are_reported_with_their_effect(
    world: Any, wording: SnapshotAssertion
) -> None:
    assert world_of(world, inner_steps=4, inner_moves=0.25).verdict(CHECK).message == wording


def test_further_information(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, other_side=0.5, empty_would_be_nan=True).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        wording,
    )


@pytest.mark.parametrize(
    ("details", "status"),
    [({"restored": ["conv"], "restored_moves": 0.5}, Status.FAIL), ({"filled_moves": 0.25}, Status.WARN)],
    ids=["mask restored", "steps filled"],
)
def test_a_mask_that_is_lost_at_one_length(
    world: Any, details: dict[str, Any], status: Status, wording: SnapshotAssertion
) -> None:
    verdict = world_of(
        world, answers=False, lost=LOST, refused="it takes one length only", rows=60, **details
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, "mask-lost")
    assert verdict.message == wording


def test_a_lost_mask_next_to_padding_that_is_moved_without_effect(
    world: Any, wording: SnapshotAssertion
) -> None:
    found = {"moved": {**MOVED_AWAY, "before": 0.0, "left": None}, "restored_moves": 0.25}
    verdict = world_of(
        world, answers=False, refused="one length", rows=60, padded_rows=20, found=found
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-lost")
    assert verdict.message == wording


def test_a_lost_mask_that_changes_nothing_at_one_length(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(
        world, answers=False, lost=LOST, refused="it takes one length only", filled_moves=0.0
    ).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        wording,
    )


def test_a_layer_that_ignores_the_mask_is_named(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, moved=0.5, leak=leak("pool", "Pool")).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-lost")
    assert verdict.message == wording
    assert verdict.advice == wording
    assert verdict.findings["mend"] == wording


@pytest.mark.parametrize(
    ("length", "owner", "moved", "status"),
    [
        (None, Padding(), 0.5, Status.FAIL),
        (None, None, 0.5, Status.WARN),
        (9, Padding(), 0.5, Status.WARN),
        (None, Padding(), 2.0**-14, Status.PASS),
    ],
    ids=["declared", "not declared", "one length", "rounding"],
)
def test_declared_padding_without_a_mask(
    world: Any, length: int | None, owner: Any, moved: float, status: Status
) -> None:
    """A model of one length may have been trained on rows that are always filled up to it."""
    inputs = (InputFact(name="x", shape=(None, length, 2), dtype="float32"),)
    padded = world_of(world, moved=moved, declared=False, input="x")
    verdict = padded.where(
        facts={"layers": PLAIN, "inputs": inputs}, data=DataContext(owner=OwnerFacts(padding=owner))
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        None if status is Status.PASS else "padding-unmasked",
    )


@pytest.mark.parametrize(
    ("moves", "reaches", "owner", "status"),
    [
        (0.5, True, None, Status.FAIL),
        (0.5, False, None, Status.WARN),
        (0.0, True, None, Status.WARN),
        (0.0, True, Padding(), Status.FAIL),
    ],
    ids=["ignored", "used later", "steps counted", "steps counted, stated"],
)
def test_a_mask_that_the_model_computes(
    world: Any, moves: float, reaches: bool, owner: Any, status: Status, wording: SnapshotAssertion
) -> None:
    inputs = (InputFact(name="x", shape=(None, None, 2), dtype="float32"),)
    found = leak("heads", "MultiHeadAttention", stock=True)
    own = {"moves": moves, "reaches_leak": reaches}
    verdict = (
        world_of(world, moved=0.5, declared=False, input="x", leak=found, own_mask=own)
        .where(facts={"layers": PLAIN, "inputs": inputs}, data=DataContext(owner=OwnerFacts(padding=owner)))
        .verdict(CHECK)
    )
    assert (verdict.status, verdict.findings["cause"]) == (status, "mask-lost")
    assert (verdict.message, verdict.findings["mend"]) == (wording, wording)


def test_a_stock_layer_that_takes_padding_in_is_not_to_be_edited(
    world: Any, wording: SnapshotAssertion
) -> None:
    use = {"layer": "peak", "kind": "GlobalMaxPooling1D", "use": "filled", "value": -1e9}
    use |= {"axes": 3, "steps": 9, "mask_steps": 9, "start": 0, "stride": 0}
    found = leak("peak", "GlobalMaxPooling1D", stock=True, takes_mask=False, uses=[use])
    kept = Trace(route="", details={"layer": "res", "kind": "Add"})
    verdict = world_of(world, moved=0.5, leak=found, lost=kept).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-lost")
    assert verdict.findings["place"]["layer"] == "peak"
    assert verdict.findings["mend_is_complete"] is True
    assert (verdict.message, verdict.findings["mend"]) == (wording, wording)


def test_code_that_drops_the_mask_is_named(world: Any, wording: SnapshotAssertion) -> None:
    dropped = Trace(route="", details={"layer": "att", "kind": "MultiHeadAttention", "after": "words"})
    found = leak("att", "MultiHeadAttention", stock=True, given_mask=False)
    verdict = world_of(world, moved=0.5, leak=found, lost=dropped).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-lost")
    assert (verdict.findings["place"]["layer"], verdict.findings["place"]["fault"]) == (
        "att",
        "drops-in-code",
    )
    assert verdict.findings["mend_is_complete"] is True
    assert (verdict.message, verdict.findings["mend"]) == (wording, wording)


def test_the_mask_that_a_layer_was_not_given_is_lost_before(world: Any) -> None:
    verdict = world_of(world, moved=0.5, leak=leak("lstm", "LSTM", given_mask=False), lost=LOST).verdict(
        CHECK
    )
    assert (verdict.findings["place"]["layer"], verdict.findings["lost"]["layer"]) == ("conv", "conv")


def test_positions_that_count_padding(world: Any, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, moved=0.5, leak=leak("places", "Places", counts_positions=True)).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "positions-count-padding")
    assert verdict.message == wording


@pytest.mark.parametrize("fault", ["reverses_time", "makes_mask"])
def test_a_mask_that_does_not_fit(world: Any, fault: str, wording: SnapshotAssertion) -> None:
    verdict = world_of(world, moved=0.5, leak=leak("back", "LSTM", **{fault: True})).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-misplaced")
    assert (verdict.message, verdict.advice) == wording


MOVED_AWAY = {
    "layer": "norm",
    "kind": "Normalization",
    "masking": "mask",
    "mask": 0.0,
    "arrives": [-2.5, 1.0],
    "before": 0.5,
    "left": 0.0,
    "scale": 1.0,
}


@pytest.mark.parametrize("answers", [True, False], ids=["any length", "one length"])
def test_padding_that_is_moved_before_the_mask(world: Any, answers: bool, wording: SnapshotAssertion) -> None:
    found = {"moved": MOVED_AWAY}
    judged = world_of(world, moved=0.5, answers=answers, declared=False, found=found).verdict(CHECK)
    assert (judged.status, judged.findings["cause"]) == (Status.FAIL, "padding-moved")
    assert judged.message == wording
