"""input_hints: the values that inputs expect, read from the first layers."""

from __future__ import annotations

import keras
from keras import layers

from keras_consistency_cli.loading.model.input_hints import find_integer_inputs


def test_inputs_that_take_ids_are_distinguished_from_others() -> None:
    ids, level = keras.Input((4,), name="ids"), keras.Input((2,), name="level")
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 3)(ids)), level])
    assert find_integer_inputs(keras.Model([ids, level], layers.Dense(1)(joined)), ["ids", "level"]) == {
        "ids"
    }
