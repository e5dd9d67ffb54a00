"""Inputs in each other's place, by served rows and by reference rows."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.loading.rows.input_order import (
    contradictory_keys,
    shifted_inputs,
    swapped_inputs,
)
from keras_consistency_cli.measurement.facts import InputFact

RANDOM = np.random.default_rng(1)
LEFT, RIGHT = RANDOM.normal(size=(80, 4)), RANDOM.normal(size=(80, 4)) + 3.0


@pytest.mark.parametrize("exact", [True, False])
def test_only_a_different_order_that_fits_is_reported(exact: bool) -> None:
    swapped, right = {"a": RIGHT, "b": LEFT}, {"a": LEFT, "b": RIGHT}
    assert swapped_inputs(right, swapped, exact=exact) == {"a": "b", "b": "a"}
    assert swapped_inputs(right, right, exact=exact) == {}
    assert swapped_inputs(right, {"a": LEFT + 9, "b": RIGHT}, exact=exact) == {}
    assert swapped_inputs(right, {"a": RIGHT[:, :2], "b": LEFT}, exact=exact) == {}


def test_inputs_that_drifted_are_not_called_swapped() -> None:
    assert swapped_inputs({"a": LEFT, "b": LEFT + 0.3}, {"a": LEFT + 0.7, "b": LEFT}, exact=False) == {}


def taken_by(*keys: str, named: tuple[str, ...] = (), as_dict: bool = True) -> tuple[InputFact, ...]:
    """Inputs of four numbers, as a dict with these keys or as a list."""
    return tuple(
        InputFact(name=key, shape=(None, 4), dtype="float32", key_of=name if as_dict else "")
        for key, name in zip(keys, named or keys, strict=True)
    )


def test_surplus_arrays_shift_the_inputs_of_a_dict_as_keras_does() -> None:
    arrays = {"left": LEFT, "right": RIGHT}
    inputs = taken_by("left", "right")
    assert shifted_inputs({**arrays, "extra": LEFT}, inputs) == {"left": "extra", "right": "left"}
    assert shifted_inputs({**arrays, "zone": LEFT}, inputs) == {}
    assert shifted_inputs({**arrays, "extra": LEFT[:, :2]}, inputs) == {}
    assert shifted_inputs({**arrays, "extra": LEFT}, taken_by("left", "right", as_dict=False)) == {}
    assert shifted_inputs(arrays, inputs) == {}


def test_keras_feeds_a_surplus_array_in_sorted_order() -> None:
    keras = pytest.importorskip("keras")
    tensors = {key: keras.Input((1,), name=key) for key in ("left", "right")}
    model = keras.Model(tensors, 10 * tensors["left"] + tensors["right"])
    one = np.ones((2, 1), "float32")
    with pytest.warns(UserWarning, match="structure of `inputs`"):
        outputs = model.predict({"extra": 3 * one, "left": one, "right": 2 * one}, verbose=0)
    assert outputs[0, 0] == 31


def test_keys_contradict_names_only_if_they_name_a_different_input() -> None:
    assert contradictory_keys(taken_by("a", "b", named=("b", "a"))) == {"a": "b", "b": "a"}
    assert contradictory_keys(taken_by("a", "b", named=("first", "second"))) == {}
    assert contradictory_keys(taken_by("a", "b")) == {}
    assert contradictory_keys(taken_by("a", "b", as_dict=False)) == {}
