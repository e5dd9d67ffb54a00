"""Digests of two processes: the layer that gives something else on the same inputs, not those that follow it."""

from __future__ import annotations

from typing import Any

from keras import layers

from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS, parted_between
from tests.helpers.live_models import Block, chain, named_rows, register, session_of

HERE, ELSEWHERE = PROCESS_LOCATORS


@register
class Salted(layers.Layer):
    """Multiplies by a number that its process has drawn."""

    salt = 1.0

    def call(self, inputs: Any) -> Any:
        return inputs * self.salt


def digests(built: tuple[Any, Any]) -> list[dict[str, str]]:
    session = session_of(built)
    return list(HERE.run(session, named_rows(built[1], session.facts)).details["steps"])


def test_the_layer_that_another_process_made_otherwise_is_named() -> None:
    built = chain((5,), layers.Dense(4), Block(Salted(name="salted"), name="box"), layers.Dense(1))
    before = digests(built)
    assert parted_between(before, digests(built)) is None
    Salted.salt = 2.0
    try:
        assert parted_between(before, digests(built)) == "box/salted"
    finally:
        Salted.salt = 1.0


def test_the_two_run_in_different_processes() -> None:
    assert (HERE.run, HERE.placement, ELSEWHERE.placement) == (ELSEWHERE.run, "main", "fresh")


def test_models_that_take_other_ways_are_not_compared() -> None:
    step = {"layer": "a", "kind": "A", "given": "1", "gave": "2"}
    assert parted_between([step], [{**step, "layer": "b", "gave": "3"}]) is None
    assert parted_between([], [step]) is None
