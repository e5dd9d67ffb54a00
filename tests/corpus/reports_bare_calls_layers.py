"""Custom layers that update a variable in training, and also, if asked to, in a call without the argument."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

__all__ = ["Centred", "Codebook", "Counted", "Observed", "Wrapped"]

Tensor = Any
register = keras.saving.register_keras_serializable(package="bare_calls")


class Updating(layers.Layer):
    """A layer that updates a variable after using it.

    Args:
        strict: only if training is true; otherwise also if it is None.
    """

    def __init__(self, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strict = strict

    def updates(self, training: bool | None) -> bool:
        """Whether this call updates the variable."""
        return bool(training) if self.strict else training is not False

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "strict": self.strict}


@register
class Codebook(Updating):
    """Replace each row by the nearest of six codes, which move to the rows that chose them."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the codes."""
        shape = (6, input_shape[-1])
        self.codes = self.add_weight(shape=shape, initializer="random_normal", trainable=False, name="codes")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the codes."""
        far = ops.sum((inputs[:, None] - self.codes[None]) ** 2, axis=-1)
        chosen = ops.one_hot(ops.argmin(far, axis=-1), 6)
        outputs = ops.matmul(chosen, self.codes)
        if self.updates(training):
            count = ops.sum(chosen, axis=0)[:, None]
            mean = ops.matmul(ops.transpose(chosen), inputs) / (count + 1e-6)
            self.codes.assign(ops.where(count > 0, 0.9 * self.codes + 0.1 * mean, self.codes))
        return outputs


@register
class Centred(Updating):
    """Subtract a running mean of the earlier batches."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the mean."""
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the centred inputs."""
        outputs = inputs - self.mean
        if self.updates(training):
            axes = tuple(range(len(inputs.shape) - 1))
            self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(inputs, axis=axes))
        return outputs


@register
class Observed(Updating):
    """Round to 16 steps of the largest value of the earlier batches, as quantised training does."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the range."""
        self.range = self.add_weight(shape=(), initializer="ones", trainable=False, name="range")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the rounded inputs."""
        step = self.range / 16
        outputs = ops.clip(ops.round(inputs / step), -16, 16) * step
        if self.updates(training):
            self.range.assign(ops.maximum(self.range, ops.max(ops.abs(inputs))))
        return outputs


@register
class Counted(Updating):
    """Count calls; with a limit, the inputs are doubled after so many of them."""

    def __init__(self, limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the count."""
        self.count = self.add_weight(
            shape=(), initializer="zeros", trainable=False, dtype="int32", name="count"
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the inputs."""
        late = ops.cast(self.count > self.limit, inputs.dtype) if self.limit else 0.0
        outputs = inputs * (1.0 + late)
        if self.updates(training):
            self.count.assign(self.count + 1)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "limit": self.limit}


@register
class Wrapped(layers.Layer):
    """BatchNormalization that is passed the argument of this layer, which may be None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the layer inside."""
        self.norm.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the normalized inputs."""
        return self.norm(inputs, training=training)
