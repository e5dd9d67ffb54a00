"""Registered layers of `reports_quantised`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

register = keras.saving.register_keras_serializable(package="corpus-quantised")


@register
class CallsInside(layers.Wrapper):
    """Runs the layer inside it: itself, or by its call(), which a quantised layer is not made for."""

    def __init__(self, layer: Any, directly: bool = True, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.directly = directly

    def call(self, inputs: Any) -> Any:
        """Run the layer."""
        return self.layer.call(inputs) if self.directly else self.layer(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "directly": self.directly}


@register
class MoreInGraphs(layers.Layer):
    """Multiplies by one and a share, in a traced graph only."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, inputs: Any) -> Any:
        """Look at how it is run."""
        return inputs if tf.executing_eagerly() else inputs * (1.0 + self.share)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "share": self.share}
