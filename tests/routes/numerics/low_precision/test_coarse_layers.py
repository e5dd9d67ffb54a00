"""The search for the layers that have to compute in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from keras_consistency_cli.routes.numerics.low_precision.coarse_layers import find_coarse_layers

LAYERS = [f"layer_{number:02}" for number in range(40)]


def needs(*needed: str) -> Callable[[Sequence[str]], float]:
    """A model whose distance from float64 disappears once all these layers compute in float32."""
    return lambda raised: 0.0 if set(needed) <= set(raised) else 1.0


@pytest.mark.parametrize(
    "needed",
    [LAYERS[:1], LAYERS[5:6], LAYERS[39:], LAYERS[7:9], [LAYERS[3], LAYERS[11]], LAYERS[2:8]],
    ids=lambda needed: f"{needed[0]}-{len(needed)}",
)
@pytest.mark.parametrize("suspect", [LAYERS[5], LAYERS[20]])
def test_no_layer_is_raised_that_is_not_needed(needed: list[str], suspect: str) -> None:
    assert find_coarse_layers(suspect, LAYERS, 1.0, needs(*needed)) == needed


def test_the_suspect_is_tried_first_and_alone() -> None:
    tried: list[Sequence[str]] = []

    def distance(raised: Sequence[str]) -> float:
        tried.append(raised)
        return 0.05

    assert find_coarse_layers("b", ["a", "b"], 1.0, distance) == ["b"]
    assert tried == [["b"]]


@pytest.mark.parametrize("needed", [LAYERS[2:9], LAYERS])
def test_all_layers_are_raised_if_many_are_needed(needed: list[str]) -> None:
    assert find_coarse_layers(LAYERS[0], LAYERS, 1.0, needs(*needed)) == LAYERS


def test_the_suspect_stays_if_float32_does_not_help() -> None:
    assert find_coarse_layers("b", ["a", "b"], 1.0, needs("its own cast")) == ["b"]
    assert find_coarse_layers("b", [], 1.0, needs("its own cast")) == ["b"]


def test_few_copies_are_made() -> None:
    tried = []

    def distance(raised: Sequence[str]) -> float:
        tried.append(raised)
        return needs(LAYERS[30])(raised)

    find_coarse_layers(LAYERS[0], LAYERS, 1.0, distance)
    assert len(tried) < 16
