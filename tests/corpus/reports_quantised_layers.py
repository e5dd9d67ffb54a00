"""Registered layers of `reports_quantised`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
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
