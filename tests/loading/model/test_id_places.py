"""id_places: where the ids of a row go, whatever happens to them on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.loading.hints.traced_hints import read_traced_hints
from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.model.id_places import find_id_places
from keras_consistency_cli.loading.rows.synthesis import make_rows


class Places(layers.Layer):
    """Adds a table that is given positions only."""

    def __init__(self) -> None:
        super().__init__()
        self.table = layers.Embedding(4, 4)

    def call(self, inputs: Any) -> Any:
        """Add the vector of each position."""
        return inputs + self.table(ops.arange(4))


class Inner(layers.Layer):
    """Looks up the last column in a table of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.table = layers.Embedding(7, 2)

    def call(self, inputs: Any) -> Any:
        """Look up the last column."""
        return self.table(ops.cast(inputs[..., -1], "int32"))


class Mapped(layers.Layer):
    """Looks up one row after the other in a loop of the backend."""

    def __init__(self) -> None:
        super().__init__()
        self.table = layers.Embedding(9, 2)

    def call(self, inputs: Any) -> Any:
        """Look up each row."""
        return ops.map(self.table, inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        """The shape of the vectors."""
        return keras.KerasTensor((*inputs.shape, 2))


def places_of(model: Any) -> Any:
    facts = describe_model(model)
    return find_id_places(model, facts, make_rows(facts.inputs, {}, rows=1, seed=0))


def functional(follow: Callable[[Any], Any], shape: tuple[int | None, ...] = (3,), **options: Any) -> Any:
    rows = keras.Input(shape, name="x", **options)
    return keras.Model(rows, follow(rows))


FOLLOWED: dict[str, tuple[Callable[[Any], Any], list[bool]]] = {
    "whole": (layers.Embedding(9, 2), [True, True, True]),
    "sliced": (lambda x: layers.Embedding(9, 2)(x[:, 1]), [False, True, False]),
    "taken": (lambda x: layers.Embedding(9, 2)(ops.take(x, 2, axis=1)), [False, False, True]),
    "split": (lambda x: layers.Embedding(9, 2)(ops.split(x, [1], axis=1)[0]), [True, False, False]),
    "cast": (lambda x: layers.Embedding(9, 2)(ops.cast(x[:, :2], "int32")), [True, True, False]),
    "inside a layer": (lambda x: Inner()(x), [False, False, True]),
    "folded by a modulo": (
        lambda x: layers.Embedding(90, 2)(ops.mod(ops.cast(x[:, :2], "int32"), 90)),
        [True, True, False],
    ),
    "one row after the other": (lambda x: Mapped()(x), [True, True, True]),
    "a list": (
        lambda x: layers.IntegerLookup(vocabulary=[5, 6])(ops.cast(x[:, 0], "int64")),
        [True, False, False],
    ),
}


@pytest.mark.parametrize(("follow", "expected"), FOLLOWED.values(), ids=FOLLOWED)
def test_ids_are_followed_to_the_table(follow: Callable[[Any], Any], expected: list[bool]) -> None:
    (places,) = places_of(functional(follow))["x"]
    assert places.mask.tolist() == expected


UNREACHED: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "positions": (lambda x: Places()(x), (4, 4)),
    "bins": (lambda x: layers.Embedding(4, 2)(layers.Discretization([1.0, 2.0, 5.0])(x)), (3,)),
    "computed": (lambda x: layers.Embedding(300, 2)(ops.cast(x * 0.5, "int32")), (3,)),
}


@pytest.mark.parametrize(("follow", "shape"), UNREACHED.values(), ids=UNREACHED)
def test_values_that_reach_no_table_are_not_ids(follow: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    assert places_of(functional(follow, shape)) == {}


def test_inputs_of_any_length_have_one_place_for_all_time_steps() -> None:
    model = functional(lambda x: layers.GRU(2)(layers.Embedding(9, 2)(x)), (None,), dtype="int32")
    (places,) = places_of(model)["x"]
    assert places.mask.tolist() == [True]
    assert places.among(np.zeros((2, 31))).all()


def test_each_input_has_its_own_places() -> None:
    tokens, level = keras.Input((4,), name="tokens"), keras.Input((2,), name="level")
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 3)(tokens)), level])
    assert set(places_of(keras.Model([tokens, level], layers.Dense(1)(joined)))) == {"tokens"}


def test_a_fixed_batch_is_followed_in_several_runs() -> None:
    rows = keras.Input(batch_shape=(2, 3), name="x")
    hidden = layers.LSTM(2, stateful=True)(layers.Embedding(9, 2)(rows))
    model = keras.Model(rows, hidden)
    before = [np.array(state) for state in model.layers[-1].states]
    assert places_of(model)["x"][0].mask.all()
    after = [np.array(state) for state in model.layers[-1].states]
    assert all((now == then).all() for now, then in zip(after, before, strict=True))


def test_ids_inside_a_compiled_part_are_not_followed() -> None:
    model = functional(layers.TimeDistributed(layers.Embedding(9, 2)), (3, 1))
    assert places_of(model) is None
    assert read_traced_hints(model, describe_model(model))["x"].kind == "whole"


def test_generated_rows_have_ids_in_their_places_only() -> None:
    model = functional(lambda x: layers.Embedding(9, 2)(x[:, 1]))
    facts = describe_model(model)
    rows = make_rows(facts.inputs, read_traced_hints(model, facts), rows=64, seed=0)["x"]
    assert set(rows[:, 1]) <= set(range(9))
    assert (rows[:, 0] < 0).any()
