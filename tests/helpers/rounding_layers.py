"""Layers with large rounding errors, or with a float64 copy that computes different outputs."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

__all__ = ["Coarse", "ReloadedDifferently", "Spread"]


@keras.saving.register_keras_serializable(package="rounding")
class Coarse(layers.Layer):
    """Casts to half precision and back."""

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.cast(inputs, "float16"), inputs.dtype)


@keras.saving.register_keras_serializable(package="rounding")
class ReloadedDifferently(layers.Layer):
    """Doubles its factor whenever it is rebuilt from its config."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = 2.0 * factor

    def call(self, inputs: Any) -> Any:
        return self.factor * inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="rounding")
class Spread(layers.Layer):
    """Divides by a deviation from mean of squares minus squared mean, which is inexact far from zero."""

    def call(self, inputs: Any) -> Any:
        far = inputs + 300.0
        variance = ops.mean(far * far, -1, keepdims=True) - ops.square(ops.mean(far, -1, keepdims=True))
        return inputs / ops.sqrt(ops.maximum(variance, 1e-6))
