"""Registered layers of `reports_coarse`, for --custom-objects."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="corpus-coarse")


@register
class Waves(layers.Layer):
    """Sine and cosine of a number, at this many harmonics of its period."""

    def __init__(self, period: float, harmonics: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.period, self.harmonics = period, harmonics

    def call(self, x: Any) -> Any:
        """Compute in the dtype of the layer."""
        turns = 2 * math.pi / self.period * ops.arange(1, self.harmonics + 1, dtype=x.dtype)
        angle = x * turns
        return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "period": self.period, "harmonics": self.harmonics}


@register
class Rotated(layers.Layer):
    """Pairs of features turned by an angle for each position in the sequence, as in rotary embeddings."""

    def call(self, x: Any) -> Any:
        """Count positions in the dtype of the layer."""
        angle = ops.arange(x.shape[1], dtype=x.dtype)[:, None]
        first, second = ops.split(x, 2, axis=-1)
        turned = first * ops.cos(angle) - second * ops.sin(angle)
        return ops.concatenate([turned, first * ops.sin(angle) + second * ops.cos(angle)], axis=-1)
