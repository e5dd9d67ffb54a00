"""The structure in which models take their inputs."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from keras_consistency_cli.loading.model.input_structure import input_names, pack_inputs
from tests.helpers.live_models import dict_inputs


def test_input_names_of_models_that_take_a_dict() -> None:
    assert input_names(dict_inputs()[0]) == ["ids", "numbers"]
    assert input_names(keras.Sequential([keras.Input((3,)), layers.Dense(1)])) == []


@pytest.mark.parametrize(
    ("names", "as_dict", "packed"),
    [(["x"], False, 0), (["x", "y"], False, [0, 1]), (["x"], True, {"x": 0})],
    ids=["one", "several", "dict"],
)
def test_inputs_are_packed_in_the_structure_of_the_model(
    names: list[str], as_dict: bool, packed: object
) -> None:
    tensors = {name: keras.Input((1,), name=name) for name in names}
    total = sum(tensors.values())
    model = keras.Model(tensors if as_dict else list(tensors.values()), total)
    assert pack_inputs(model, {name: number for number, name in enumerate(names)}) == packed
