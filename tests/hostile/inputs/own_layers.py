"""Layers of faulty models that pass if only a tolerance is checked.

Tests give this file to the command as --custom-objects.
"""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["BatchMean", "Breaks", "Flips", "Holes"]

_own = keras.saving.register_keras_serializable(package="false-pass")


@_own
class Flips(keras.layers.Layer):
    """Returns two classes that differ by 8e-6; the larger one depends on whether a row is alone."""

    def call(self, inputs: Any) -> Any:
        alone = keras.ops.equal(keras.ops.shape(inputs)[0], 1)
        lean = keras.ops.where(alone, 4e-6, -4e-6)
        half = 0.5 + 0.0 * inputs[:, :1]
        return keras.ops.concatenate([half + lean, half - lean], axis=1)


@_own
class BatchMean(keras.layers.Layer):
    """Subtracts the mean of the batch, so that a row's output depends on its neighbours."""

    def call(self, inputs: Any) -> Any:
        return inputs - keras.ops.mean(inputs, axis=0, keepdims=True)


@_own
class Holes(keras.layers.Layer):
    """Returns only NaN."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.log(-1.0 - keras.ops.square(inputs))


@_own
class Breaks(keras.layers.Layer):
    """Fails for a batch of one row."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.reshape(inputs, (-1, 2, 4))[:, 0]
