"""build_mixed_precision_copy: equal weights, lower policies, Keras's settings restored."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
from keras_consistency_cli.loading.model.copies.mixed_precision import build_mixed_precision_copy
from tests.helpers.live_models import chain


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
