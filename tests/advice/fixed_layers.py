"""Layers of the corpus after their advice was followed; kcheck imports this file with --custom-objects."""

from __future__ import annotations

import zlib
from typing import Any

import keras
from keras import layers, ops

__all__ = [
    "Averaging",
    "Diverse",
    "Drawing",
    "Filtering",
    "Hashing",
    "Passing",
    "Quiet",
    "Refreshed",
    "Scaling",
    "Shift",
    "Table",
    "squashed",
]

register = keras.saving.register_keras_serializable(package="fixed")


@register
class Table(layers.Layer):
    """Keeps its table as a weight, as the advice writes it."""

    def build(self, input_shape: Any) -> None:
        """Create the table."""
        self.table = self.add_weight(shape=(input_shape[-1],), trainable=False, name="table")

    def call(self, inputs: Any) -> Any:
        """Multiply each feature."""
        return inputs * ops.cast(self.table, inputs.dtype)


@register
class Hashing(layers.Layer):
    """Weighs features by zlib.crc32 of their names."""

    def call(self, inputs: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        names = [f"feature {number}" for number in range(inputs.shape[-1])]
        weights = [1.0 + zlib.crc32(name.encode()) % 1000 / 1000 for name in names]
        return inputs * ops.convert_to_tensor(weights, dtype=inputs.dtype)


@register
class Passing(keras.Model):
    """A subclassed model that takes `training` and passes it on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.turn, self.flat = layers.RandomRotation(0.2), layers.Flatten()
        self.head = layers.Dense(2)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the head's output."""
        return self.head(self.flat(self.turn(x, training=training)))


@register
class Drawing(layers.Layer):
    """Draws a random number with keras.random, and only in training."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return a tensor of the inputs' shape."""
        return inputs * (1.0 + keras.random.normal(())) if training else inputs


@register
class Quiet(layers.Layer):
    """Dropout for which training=None means inference."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = layers.Dropout(0.3)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return a tensor of the inputs' shape."""
        return self.dropout(inputs, training=True) if training else inputs


@register
class Diverse(layers.Layer):
    """The minibatch statistic of GAN discriminators, in training only."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs with one more feature."""
        spread = ops.mean(ops.std(inputs, axis=0)) if training else 0.0
        return ops.concatenate([inputs, ops.ones_like(inputs[:, :1]) * spread], axis=-1)


@register
class Scaling(layers.Layer):
    """Treats each time step separately, and passes the mask on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return twice the inputs."""
        return inputs * 2.0


@register
class Filtering(layers.Conv1D):
    """A convolution that sets the padding to 0 first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        """Convolve the true time steps."""
        return super().call(x * ops.cast(mask, x.dtype)[..., None])


@register
class Averaging(layers.Layer):
    """An average over the true time steps."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """There are no time steps any more."""

    def call(self, x: Any, mask: Any = None) -> Any:
        """Divide the sum by the number of true time steps."""
        shown = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * shown, axis=1) / ops.sum(shown, axis=1)


@register
class Scaled(layers.Layer):
    """Holds a Dense, and has one weight of its own."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inner = layers.Dense(units)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.inner.build(shape)
        self.gain = self.add_weight(shape=(self.units,), initializer="ones", name="gain")

    def call(self, inputs: Any) -> Any:
        """Return the outputs of the Dense, scaled."""
        return self.inner(inputs) * self.gain


@register
class Shift(layers.Layer):
    """Adds a number, without a get_config of its own."""

    def __init__(self, by: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: Any) -> Any:
        """Return inputs + by."""
        return inputs + self.by


@register
class Refreshed(layers.Normalization):
    """A subclass with its own loading, which computes with the loaded weights."""

    def load_own_variables(self, store: Any) -> None:
        """Load the weights and take them over."""
        super().load_own_variables(store)
        self.finalize_state()


@register
def squashed(x: Any) -> Any:
    """A function for a Lambda layer, with its imports in this file."""
    return ops.tanh(x)
