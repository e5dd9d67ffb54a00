"""A layer that draws random numbers in each call, for `--custom-objects`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

__all__ = ["OWN", "Restless"]

OWN = ("--custom-objects", str(Path(__file__).resolve()))


@keras.saving.register_keras_serializable(package="reports_recorded")
class Restless(layers.Layer):
    """Drops some inputs, or adds noise, whether the model is trained or not."""

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.seed_generator = how, keras.random.SeedGenerator(31)

    def call(self, inputs: Any) -> Any:
        """Take no training argument."""
        if self.how == "dropout":
            return keras.random.dropout(inputs, 0.25, seed=self.seed_generator)
        return inputs + 0.05 * keras.random.normal(ops.shape(inputs), seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "how": self.how}
