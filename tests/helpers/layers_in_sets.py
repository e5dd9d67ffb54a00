"""A layer that keeps its layers in a set, whose order depends on the memory."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.helpers.live_models import register

__all__ = ["Powers", "Shelf", "rebuild"]


@register
class Powers(layers.Layer):
    """The sum of dense layers to different powers: each layer has a role that the others do not have."""

    def __init__(self, shuffled: int = 0, hidden: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shuffled, self.hidden = shuffled, hidden
        made = [layers.Dense(3) for _ in range(12)]
        self.power = {id(layer): number for number, layer in enumerate(made)}
        parts = set(made[shuffled:] + made[:shuffled])
        self.parts: Any = Shelf(parts) if hidden else parts

    def members(self) -> Any:
        return self.parts.content if self.hidden else self.parts

    def build(self, shape: Any) -> None:
        for layer in self.members():
            layer.build(shape)

    def call(self, inputs: Any) -> Any:
        return sum(layer(inputs) ** (1 + self.power[id(layer)] % 3) for layer in self.members())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shuffled": self.shuffled, "hidden": self.hidden}


class Shelf:
    """An object that Keras does not look into."""

    def __init__(self, content: Any) -> None:
        self.content = content


def rebuild(model: Any) -> Any:
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
