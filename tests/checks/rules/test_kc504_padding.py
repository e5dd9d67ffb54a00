"""KC504: padding that matters, with a mask and without, and what is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.checks.rules.kc504_padding import CHECK
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
    **details: Any,
) -> Any:
    outputs = {"out": world.moved(moved)} if answers else {}
    routes = {
        "unpadded": Trace(route="", outputs=outputs, details={**FOUND, **details}),
        "unpadded-baseline": world.predict if answers else Trace(route=""),
    }
    return world.where({**routes, "masks": lost or Trace(route="")}, facts={"layers": layers})


def test_padding_that_does_not_matter(world: Any) -> None:
    verdict = world_of(world).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        "padding does not matter: with rows cut to their 5 and 7 true steps, rows get the same answers",
    )
    assert verdict.findings == FOUND


def test_rounding_between_lengths_is_no_padding(world: Any) -> None:
    assert world_of(world, moved=2.0**-14).verdict(CHECK).status is Status.PASS


def test_a_mask_that_is_lost(world: Any) -> None:
    verdict = world_of(world, moved=0.5, lost=LOST).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"], verdict.findings["lost"]) == (
        Status.FAIL,
        "mask-lost",
        {"layer": "conv", "kind": "Conv1D"},
    )
    assert verdict.message.startswith(
        "a mask is declared and padding still matters: with rows cut to their 5 and 7 true steps, answers move by up to 0.5"
    )
    assert verdict.message.endswith("; the mask ends at 'conv' (Conv1D)")


def test_a_mask_that_is_taken_and_not_heeded(world: Any) -> None:
    verdict = world_of(world, moved=0.5, added=[1, 3]).verdict(CHECK)
    assert (verdict.status, verdict.findings["lost"]) == (Status.FAIL, {})
    assert "with 1 and 3 steps of it added on the right" in verdict.message


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


def test_answers_that_become_nan_count(world: Any) -> None:
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
    ("details", "reason"),
    [
        ({"refused": "it cannot be rebuilt"}, "it cannot be rebuilt; the mask ends at 'conv'"),
        (
            {"declared": False},
            "the rows show no padding and the model declares no mask; the mask ends at 'conv'",
        ),
    ],
)
def test_nothing_to_compare(world: Any, details: dict[str, Any], reason: str) -> None:
    verdict = world_of(world, answers=False, lost=LOST, **details).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (Status.SKIP, reason)


def test_models_without_time_and_crashes(world: Any, crashed: Trace) -> None:
    assert (world.verdict(CHECK).status, world.verdict(CHECK).reason) == (
        Status.SKIP,
        "the model has no layer that works along time",
    )
    assert world.where({"unpadded": crashed}, facts={"layers": PLAIN}).verdict(CHECK).status is Status.ERROR


def test_what_fills_the_rows_is_told(world: Any) -> None:
    told = (
        world_of(world, moved=0.5, other_value=True, value=[-1.0, -1.0], foreign_steps=4)
        .verdict(CHECK)
        .message
    )
    assert told.startswith(
        "rows are padded with -1 and, in 4 steps beyond their true lengths, with something else, but the model masks 0: "
    )
    told = world_of(world, moved=0.5, other_value=True, value=[0.5, 2.0]).verdict(CHECK).message
    assert told.startswith("rows are padded with (0.5, 2), but the model masks 0: ")


def test_steps_that_are_skipped_are_told_with_their_damage(world: Any) -> None:
    told = world_of(world, inner_steps=4, inner_moves=0.25).verdict(CHECK).message
    assert told == (
        "4 steps inside the rows equal the mask's value 0 and are skipped like padding; counted in, they move answers by up to 0.25 of the greatest"
    )


def test_what_is_good_to_know_besides(world: Any) -> None:
    verdict = world_of(world, other_side=0.5, empty_would_be_nan=True).verdict(CHECK)
    assert (verdict.status, verdict.message) == (
        Status.PASS,
        "padding does not matter: with rows cut to their 5 and 7 true steps, rows get the same answers"
        "; on the left it would move them by 0.5; a row of nothing but padding would become NaN",
    )


@pytest.mark.parametrize(
    ("details", "status", "told"),
    [
        (
            {"restored": ["conv"], "restored_moves": 0.5},
            Status.FAIL,
            "put back behind it, the mask moves answers by up to 0.5 of the greatest",
        ),
        (
            {"filled_moves": 0.25},
            Status.WARN,
            "other numbers in the steps that it hides move answers by up to 0.25 of the greatest",
        ),
    ],
)
def test_a_mask_that_is_lost_at_one_length(
    world: Any, details: dict[str, Any], status: Status, told: str
) -> None:
    verdict = world_of(
        world, answers=False, lost=LOST, refused="it takes one length only", rows=60, **details
    ).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (status, "mask-lost")
    assert verdict.message == f"24 of 60 rows are padded, and the mask ends at 'conv' (Conv1D): {told}"


def test_a_lost_mask_that_changes_nothing_at_one_length(world: Any) -> None:
    verdict = world_of(
        world, answers=False, lost=LOST, refused="it takes one length only", filled_moves=0.0
    ).verdict(CHECK)
    assert (verdict.status, verdict.reason) == (
        Status.SKIP,
        "it takes one length only; the mask ends at 'conv'",
    )


def test_a_layer_that_ignores_the_mask_is_named(world: Any) -> None:
    verdict = world_of(world, moved=0.5, unheeded={"layer": "pool", "kind": "Pool"}).verdict(CHECK)
    assert (verdict.status, verdict.findings["cause"]) == (Status.FAIL, "mask-lost")
    assert verdict.message.endswith("; 'pool' (Pool) is given the mask and does not use it")
    assert verdict.findings["mend"].startswith("use `mask` in the call() of 'pool'")
    assert "supports_masking" not in verdict.advice


@pytest.mark.parametrize(
    ("length", "owner", "moved", "status"),
    [
        (None, {"value": 0.0, "side": "right"}, 0.5, Status.FAIL),
        (None, None, 0.5, Status.WARN),
        (9, {"value": 0.0, "side": "right"}, 0.5, Status.WARN),
        (None, {"value": 0.0, "side": "right"}, 2.0**-14, Status.PASS),
    ],
)
def test_padding_that_its_owner_declares_and_nothing_masks(
    world: Any, length: int | None, owner: Any, moved: float, status: Status
) -> None:
    """A model of one length may have been trained on rows that are always filled up to it."""
    inputs = (InputFact(name="x", shape=(None, length, 2), dtype="float32"),)
    padded = world_of(world, moved=moved, declared=False, input="x")
    verdict = padded.where(facts={"layers": PLAIN, "inputs": inputs}, data={"padding": owner}).verdict(CHECK)
    assert (verdict.status, verdict.findings.get("cause")) == (
        status,
        None if status is Status.PASS else "padding-unmasked",
    )
