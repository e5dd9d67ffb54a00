"""Inputs that were served the rows of others, and inputs that only look so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from keras_consistency_cli.routes.served.misplaced.exchanged_inputs import (
    InputRows,
    find_exchanged_inputs,
    is_exchange,
)

RANDOM = np.random.default_rng(4)
LEFT, RIGHT, THIRD = (RANDOM.normal(size=(40, 5)) for _ in range(3))
IDS = RANDOM.integers(0, 40, (40, 5)).astype("int32")
FLAGS = RANDOM.integers(0, 2, (40, 1)).astype("float32")


def scaled(rows: np.ndarray) -> np.ndarray:
    return (rows - 3.0) / 4.0


def given(expected: dict[str, np.ndarray], served: dict[str, np.ndarray]) -> dict[str, InputRows]:
    """Inputs that nothing scales."""
    return {name: InputRows(served=served[name], expected=rows, raw=rows) for name, rows in expected.items()}


def scaled_left(left: np.ndarray, right: np.ndarray) -> dict[str, InputRows]:
    """Two inputs of which the left one is scaled, and what was served."""
    return {
        "left": InputRows(served=left, expected=scaled(LEFT), raw=LEFT, scale=scaled),
        "right": InputRows(served=right, expected=RIGHT, raw=RIGHT),
    }


PAIR = {"left": LEFT, "right": RIGHT}
EXCHANGED: dict[str, tuple[dict[str, InputRows], dict[str, str]]] = {
    "two": (given(PAIR, {"left": RIGHT, "right": LEFT}), {"left": "right", "right": "left"}),
    "three in a circle": (
        given({**PAIR, "third": THIRD}, {"left": RIGHT, "right": THIRD, "third": LEFT}),
        {"left": "right", "right": "third", "third": "left"},
    ),
    "before one is scaled": (scaled_left(scaled(RIGHT), LEFT), {"left": "right", "right": "left"}),
    "after one is scaled": (scaled_left(RIGHT, scaled(LEFT)), {"left": "right", "right": "left"}),
    "ids and floats": (
        given({"ids": IDS, "sums": LEFT}, {"ids": np.trunc(LEFT).astype("int32"), "sums": IDS}),
        {"ids": "sums", "sums": "ids"},
    ),
    "some of the rows": (
        given(PAIR, {"left": np.r_[RIGHT[:9], LEFT[9:]], "right": np.r_[LEFT[:9], RIGHT[9:]]}),
        {"left": "right", "right": "left"},
    ),
}


@pytest.mark.parametrize(("inputs", "sources"), EXCHANGED.values(), ids=EXCHANGED)
def test_inputs_that_have_each_others_rows(inputs: dict[str, InputRows], sources: dict[str, str]) -> None:
    found = find_exchanged_inputs(inputs)
    assert {name: each.source for name, each in found.items()} == sources
    assert is_exchange(found)
    assert all(each.match.mistakes[0].kind.startswith("other-input:") for each in found.values())


def test_the_rows_of_a_part_are_named() -> None:
    inputs, _ = EXCHANGED["some of the rows"]
    (mistake,) = find_exchanged_inputs(inputs)["left"].match.mistakes
    assert (mistake.hit, mistake.first, mistake.last, mistake.every) == (9, (0, 1, 2, 3, 4), 8, 1)


def test_rows_of_one_input_for_two_are_no_exchange() -> None:
    found = find_exchanged_inputs(given(PAIR, {"left": RIGHT, "right": RIGHT}))
    assert {name: each.source for name, each in found.items()} == {"left": "right"}
    assert not is_exchange(found)


def half_equal() -> dict[str, np.ndarray]:
    """Two inputs that have the same rows in one half of the data."""
    return {"left": LEFT, "right": np.r_[LEFT[:20], RIGHT[20:]]}


OTHERWISE: dict[str, Callable[[], Any]] = {
    "right rows": lambda: given(PAIR, PAIR),
    "equal inputs": lambda: given({"left": LEFT, "right": LEFT}, {"left": LEFT, "right": LEFT}),
    "inputs that are equal in part": lambda: given(half_equal(), half_equal()),
    "a late input": lambda: given(half_equal(), {**half_equal(), "left": np.roll(LEFT, 1, axis=0)}),
    "another input in half of the wrong rows": lambda: given(
        PAIR, {**PAIR, "left": np.r_[RIGHT[:20], LEFT[20:] + 1]}
    ),
    "zeros for an input of zeros": lambda: given(
        {"left": LEFT, "right": np.zeros_like(LEFT)},
        {"left": np.zeros_like(LEFT), "right": np.zeros_like(LEFT)},
    ),
    "few flags": lambda: given(
        {"left": FLAGS[:9], "right": 1 - FLAGS[:9]}, {"left": 1 - FLAGS[:9], "right": 1 - FLAGS[:9]}
    ),
    "another shape": lambda: given(
        {"left": LEFT, "right": RIGHT[:, :4]}, {"left": RIGHT, "right": LEFT[:, :4]}
    ),
    "words": lambda: given({**PAIR, "right": RIGHT.astype(str)}, {"left": RIGHT, "right": RIGHT.astype(str)}),
}


@pytest.mark.parametrize("inputs", OTHERWISE.values(), ids=OTHERWISE)
def test_other_rows_are_no_rows_of_other_inputs(inputs: Callable[[], dict[str, InputRows]]) -> None:
    assert find_exchanged_inputs(inputs()) == {}


def test_rows_that_the_scaler_refuses_are_left_out() -> None:
    inputs = scaled_left(scaled(RIGHT), LEFT)
    refusing = InputRows(
        served=inputs["left"].served, expected=scaled(LEFT), raw=LEFT, scale=lambda rows: None
    )
    assert set(find_exchanged_inputs({**inputs, "left": refusing})) == {"right"}
