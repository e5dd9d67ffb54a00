"""build_mixed_precision_copy: equal weights, lower policies, Keras's settings restored."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
from keras_consistency_cli.loading.model.copies.mixed_precision import (
    build_copy_with_raised_layers,
    build_mixed_precision_copy,
)
from tests.helpers.live_models import chain, register


def test_layers_compute_in_16_bits_with_the_same_weights() -> None:
    model, rows = chain((4,), layers.Dense(3), layers.Dense(2, dtype="float64"))
    (values,) = rows.values()
    lowered = build_mixed_precision_copy(model, "mixed_bfloat16", custom_objects={}, sample=values)
    dense = [layer for layer in lowered.layers if isinstance(layer, layers.Dense)]
    assert [layer.dtype_policy.name for layer in dense] == ["mixed_bfloat16", "float64"]
    assert all(
        np.array_equal(np.asarray(before), np.asarray(after))
        for before, after in zip(model.variables, lowered.variables, strict=True)
    )
    assert keras.config.dtype_policy().name == "float32"


def test_a_lambda_is_not_rebuilt_unless_trusted() -> None:
    model, rows = chain((4,), layers.Lambda(lambda x: x * 2.0))
    (values,) = rows.values()
    with pytest.raises(PrecisionCopyRefused):
        build_mixed_precision_copy(model, "mixed_bfloat16", custom_objects={}, sample=values)
    assert keras.config.dtype_policy().name == "float32"


@register
class Nameless(layers.Layer):
    """Keras records the arguments of this class itself, without the name: they are not called kwargs."""

    def __init__(self, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        return inputs * self.factor


def test_a_layer_without_a_name_in_its_config_is_found_and_keeps_its_name() -> None:
    rows = keras.Input((4,))
    steps = [Nameless(dtype="mixed_float16", name="one"), Nameless(dtype="mixed_float16", name="two")]
    model = keras.Model(rows, layers.Dense(2)(steps[1](steps[0](rows))))
    copy = build_copy_with_raised_layers(model, ["two"], custom_objects={}, sample=np.ones((2, 4), "float32"))
    assert [(layer.name, layer.dtype_policy.name) for layer in copy.layers[1:3]] == [
        ("one", "mixed_float16"),
        ("two", "float32"),
    ]
