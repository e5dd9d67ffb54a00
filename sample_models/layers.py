"""Registered layers and models that the samples need.

Pass this file to kcheck: `kcheck run model.keras --custom-objects ../layers.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

__all__ = ["BatchLeak", "MonteCarloDropout", "NormalisedDense", "PriceModel", "RandomProjection"]

Tensor = Any

register = keras.saving.register_keras_serializable(package="samples")


@register
class MonteCarloDropout(layers.Dropout):
    """Dropout that is always active: every call draws a new mask, also in predict."""

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Drop units whatever the value of `training` is."""
        return super().call(inputs, training=True)


@register
class NormalisedDense(layers.Layer):
    """A Dense layer, then BatchNormalization in training mode, which uses the statistics of the batch."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units, name="dense")
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build both parts."""
        self.dense.build(input_shape)
        self.norm.build((*input_shape[:-1], self.units))

    def call(self, inputs: Tensor) -> Tensor:
        """Normalise with the statistics of the current batch: the planted fault."""
        return ops.relu(self.norm(self.dense(inputs), training=True))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with `units` features."""
        return (*input_shape[:-1], self.units)


@register
class BatchLeak(layers.Layer):
    """Adds a millionth of the batch's mean to every row.

    The difference is far below usual tolerances, but each row depends on its neighbours.
    """

    def __init__(self, share: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Tensor) -> Tensor:
        """Return `inputs` + share * mean over the batch axis."""
        return inputs + self.share * ops.mean(inputs, axis=0, keepdims=True)


@register
class PriceModel(keras.Model):
    """A subclassed regressor with Dropout and BatchNormalization used correctly."""

    def __init__(self, units: int = 24, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="gelu", name="hidden")
        self.norm = layers.BatchNormalization(name="norm")
        self.drop = layers.Dropout(0.2, name="drop")
        self.price = layers.Dense(1, name="price")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return one price per row."""
        hidden = self.norm(self.hidden(inputs), training=training)
        return self.price(self.drop(hidden, training=training))


@register
class RandomProjection(layers.Layer):
    """Multiplies by random numbers in an array that Keras does not track or save: the planted fault."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the numbers, which happens again at every load."""
        self.directions = np.random.normal(size=(input_shape[-1], self.units)).astype("float32")

    def call(self, inputs: Tensor) -> Tensor:
        """Return one number for each direction."""
        return ops.matmul(inputs, self.directions)
