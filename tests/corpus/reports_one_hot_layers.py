"""Custom layers that encode ids, for `--custom-objects`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

__all__ = ["OWN", "Capacity", "EncodesDay", "EncodesMonth"]

OWN = ("--custom-objects", str(Path(__file__).resolve()))


@keras.saving.register_keras_serializable(package="corpus")
class EncodesDay(layers.Layer):
    """Encodes the first column with seven entries."""

    def call(self, x: Any) -> Any:
        """Use the function of TensorFlow."""
        return tf.one_hot(x[:, 0], 7)


@keras.saving.register_keras_serializable(package="corpus")
class EncodesMonth(layers.Layer):
    """Takes the month of a day in the first column, and encodes ten of them."""

    def call(self, x: Any) -> Any:
        """Use the function of TensorFlow."""
        return tf.one_hot(x[:, 0] // 3, 10)


@keras.saving.register_keras_serializable(package="corpus")
class Capacity(layers.Layer):
    """Numbers the values of a row that are above 1, and encodes the first two numbers only."""

    def call(self, x: Any) -> Any:
        """Drop what is beyond the capacity, as a mixture of experts does."""
        return ops.one_hot(ops.cumsum(ops.cast(x > 1, "int32"), axis=1), 2)
