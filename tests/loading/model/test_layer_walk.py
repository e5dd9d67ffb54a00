"""The order of the layers inside a model, and whose code they are."""

from __future__ import annotations

import random

import keras
import pytest

from keras_consistency_cli.loading.model.layer_walk import has_own_code, walk_layers
from tests.helpers.layers_in_sets import Powers


@pytest.mark.parametrize("seed", range(4))
def test_layers_in_a_set_come_in_the_order_of_their_creation(seed: int) -> None:
    # Objects of random sizes in between: layers created one after the other would lie in memory in order.
    kept = [bytearray(random.Random(seed).randrange(100, 5000)) for _ in range(50)]
    model = keras.Sequential([keras.Input((3,)), Powers(shuffled=5), keras.layers.Dense(2)])
    names = [path for path, _ in walk_layers(model)]
    members = [name for name in names if "/" in name]
    assert len(members) == 12
    numbers = [int(name.rpartition("_")[2]) if name[-1].isdigit() else 0 for name in members]
    assert numbers == sorted(numbers)
    assert names == [names[0], names[1], *members, names[-1]]  # between the layers around them
    del kept


def test_layers_in_lists_keep_their_order() -> None:
    model = keras.Sequential([keras.layers.Dense(2, name=name) for name in ("b", "a", "c_10", "c_9")])
    assert [path for path, _ in walk_layers(model)] == ["b", "a", "c_10", "c_9"]


def test_own_code_is_in_classes_of_the_users_and_in_classes_of_keras_that_run_what_they_are_given() -> None:
    inner = keras.Sequential([keras.Input((8, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])
    x = keras.Input((8, 3))
    looping = keras.Model(
        x, keras.ops.while_loop(lambda h: keras.ops.max(h) > 1, lambda h: (h / 2,), (x,))[0]
    )
    for model, is_own in (
        (keras.Model(x, inner(x) + 1.0), False),
        (looping, True),
        (keras.Sequential([keras.Input((8, 3)), looping]), True),
        (keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda h: h)]), True),
        (keras.Sequential([keras.Input((3,)), Powers()]), True),
    ):
        assert has_own_code(model) is is_own
