"""Layers that hold a number of theirs in different places, for the cases of reports_held.py.

kcheck imports this file with --custom-objects: it imports nothing of the tests.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

__all__ = ["Calibrated", "Constants"]

_PACKAGE = "reports_held"
SHARED = keras.Variable(0.3, name="shared")


class Settings:
    """A plain object with a number."""

    def __init__(self, number: Any) -> None:
        self.number = number


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Calibrated(layers.Layer):
    """Divides by a learned temperature, which Keras saves only where it is a weight."""

    def __init__(self, where: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.where = where

    def build(self, _shape: Any) -> None:
        """Create the number in its place."""
        if self.where == "weight":
            self.held: Any = self.add_weight(shape=(), initializer="ones", name="temperature")
        elif self.where == "object":
            self.held = Settings(keras.Variable(1.0, name="temperature"))
        elif self.where == "TensorFlow":
            self.held = Settings({"temperature": tf.Variable(1.0)})
        elif self.where == "function":
            number = keras.Variable(1.0, name="temperature")
            self.held = lambda: number

    def number(self) -> Any:
        """Return the number."""
        if self.where == "module":
            return SHARED
        found = self.held() if self.where == "function" else getattr(self.held, "number", self.held)
        return found["temperature"] if isinstance(found, dict) else found

    def call(self, inputs: Any) -> Any:
        """Divide by e to the number."""
        scale = SHARED if self.where == "module" else self.number()
        return inputs / ops.exp(scale)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "where": self.where}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Constants(layers.Layer):
    """Adds numbers that are the same in every process: no variables."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = Settings([0.5, {"by": 2.0}])

    def call(self, inputs: Any) -> Any:
        """Add them."""
        return inputs + self.settings.number[0] * self.settings.number[1]["by"]
