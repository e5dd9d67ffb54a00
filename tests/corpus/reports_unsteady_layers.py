"""Layers that take a count, random numbers or the time in call(), for the cases of reports_unsteady.py.

kcheck imports this file with --custom-objects: it imports nothing of the tests.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

__all__ = ["FadedIn", "Thinned"]

_PACKAGE = "reports_unsteady"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class FadedIn(layers.Layer):
    """Lets its inputs in step by step over the first calls.

    Args:
        where: attribute, mapping (the count is a number of Python, held there), or training (it counts in
            training only).
    """

    def __init__(self, where: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.where, self.steps, self.counts = where, 0, _Counts()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs times a share that grows with each call."""
        if self.where == "mapping":
            self.counts.steps += 1
            return inputs * (1 - 0.6**self.counts.steps)
        if self.where == "attribute" or training:
            self.steps += 1
        return inputs * (1 - 0.6**self.steps) if self.where == "attribute" or training else inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "where": self.where}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Thinned(layers.Layer):
    """Leaves out some of the features, always the same ones of each position in the batch.

    Args:
        how: dropout or noise, in each call, or training (dropout in training only).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Draw from a fixed seed."""
        if self.how == "noise":
            return inputs + 0.3 * keras.random.normal(keras.ops.shape(inputs), seed=77)
        return keras.random.dropout(inputs, 0.25, seed=77) if training or self.how == "dropout" else inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how}


class _Counts:
    """An object that Keras does not track."""

    steps = 0
