"""The order of the layers inside a model."""

from __future__ import annotations

import random

import keras
import pytest

from keras_consistency_cli.loading.model.layer_walk import walk_layers
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
