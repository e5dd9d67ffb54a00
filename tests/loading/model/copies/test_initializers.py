"""Copies draw no random weights; every other initializer stays."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from keras_consistency_cli.loading.model.copies.initializers import without_random_initializers


def test_random_initializers_of_keras_become_zeros() -> None:
    layer = layers.Dense(2, kernel_initializer="he_normal", bias_initializer=keras.initializers.Constant(3.0))
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(1)])
    config = keras.saving.serialize_keras_object(model)
    copy = keras.saving.deserialize_keras_object(without_random_initializers(config))
    kernel, bias, last, _ = (np.asarray(variable) for variable in copy.variables)
    assert not kernel.any()
    assert not last.any()
    assert (bias == 3.0).all()


def test_initializers_that_are_not_of_keras_stay() -> None:
    own = {"module": "mine", "class_name": "GlorotUniform", "config": {}}
    stated = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": 1}}
    config = {"kernel_initializer": own, "start": stated, "layers": [(own, 1)]}
    assert without_random_initializers(config) == {**config, "layers": [[own, 1]]}
