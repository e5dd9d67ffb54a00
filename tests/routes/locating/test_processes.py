"""Digests of two processes: the first layer that differs on the same inputs is named."""

from __future__ import annotations

from typing import Any

from keras import layers

from keras_consistency_cli.routes.locating.processes import PROCESS_LOCATORS, first_differing_layer
from tests.helpers.live_models import Block, chain, named_rows, register, session_of

HERE, ELSEWHERE = PROCESS_LOCATORS


@register
class Salted(layers.Layer):
    """Multiplies by a random number of its process."""

    salt = 1.0

    def call(self, inputs: Any) -> Any:
        return inputs * self.salt


def digests(built: tuple[Any, Any]) -> list[dict[str, str]]:
    session = session_of(built)
    return list(HERE.run(session, named_rows(built[1], session.facts)).details["steps"])


def test_the_layer_that_differs_in_a_second_process_is_named() -> None:
    built = chain((5,), layers.Dense(4), Block(Salted(name="salted"), name="box"), layers.Dense(1))
    before = digests(built)
    assert first_differing_layer(before, digests(built)) is None
    Salted.salt = 2.0
    try:
        assert first_differing_layer(before, digests(built)) == "box/salted"
    finally:
        Salted.salt = 1.0


def test_the_two_run_in_different_processes() -> None:
    assert (HERE.run, HERE.placement, ELSEWHERE.placement) == (ELSEWHERE.run, "main", "fresh")


def test_models_with_different_layers_are_not_compared() -> None:
    step = {"layer": "a", "kind": "A", "given": "1", "gave": "2"}
    assert first_differing_layer([step], [{**step, "layer": "b", "gave": "3"}]) is None
    assert first_differing_layer([], [step]) is None
