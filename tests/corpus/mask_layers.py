"""Custom layers about padding; models of the corpus load them with --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["Heads", "Places", "Reader", "ScaledSteps", "Token", "Waves", "Words"]

register = keras.saving.register_keras_serializable(package="masks")


def _places(steps: Any, mask: Any) -> Any:
    """The position of each time step: by the mask, or counted from the first one without a mask."""
    if mask is None:
        return ops.arange(steps)[None]
    return ops.maximum(ops.cumsum(ops.cast(mask, "int32"), axis=1) - 1, 0)


class _ByMask(keras.layers.Layer):
    """A layer that uses the mask for its positions or does not."""

    def __init__(self, by_mask: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_mask, self.supports_masking = by_mask, True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "by_mask": self.by_mask}


@register
class Places(_ByMask):
    """Adds an embedding of positions."""

    def build(self, shape: Any) -> None:
        self.table = keras.layers.Embedding(40, shape[-1], name="table")
        self.table.build(None)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return inputs + self.table(_places(ops.shape(inputs)[1], mask if self.by_mask else None))


@register
class Waves(_ByMask):
    """Adds sines and cosines of positions."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        places = ops.cast(_places(ops.shape(inputs)[1], mask if self.by_mask else None), inputs.dtype)
        half = inputs.shape[-1] // 2
        angles = places[..., None] / ops.power(30.0, ops.arange(half, dtype=inputs.dtype) / half)
        return inputs + ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


@register
class Words(_ByMask):
    """Embeds ids and their positions, and makes the mask."""

    def build(self, shape: Any) -> None:
        self.words, self.table = (
            keras.layers.Embedding(size, 8, name=name) for size, name in ((50, "words"), (60, "table"))
        )
        self.words.build(None)
        self.table.build(None)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0)

    def call(self, inputs: Any) -> Any:
        mask = ops.not_equal(inputs, 0) if self.by_mask else None
        return self.words(inputs) + self.table(_places(ops.shape(inputs)[1], mask))


@register
class ScaledSteps(keras.layers.Layer):
    """Scales true time steps, and keeps masked ones at 0."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        scaled = (inputs - 20.0) / 3.0
        return scaled if mask is None else ops.where(mask[..., None], scaled, 0.0)


@register
class Token(keras.layers.Layer):
    """Puts a learned token in front of the others; its place in the mask is in front, too, or at the end."""

    def __init__(self, in_front: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.in_front, self.supports_masking = in_front, True

    def build(self, shape: Any) -> None:
        """Create the token."""
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="normal", name="token")

    def call(self, inputs: Any) -> Any:
        """Return one time step more."""
        return ops.concatenate([ops.repeat(self.token, ops.shape(inputs)[0], axis=0), inputs], axis=1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask with one more True."""
        true = ops.ones_like(mask[:, :1])
        return ops.concatenate([true, mask] if self.in_front else [mask, true], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """One time step more."""
        return (shape[0], None if shape[1] is None else shape[1] + 1, shape[2])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "in_front": self.in_front}


@register
class Heads(keras.layers.MultiHeadAttention):
    """Attention whose call() drops the causal mask that it is asked for, or sets it in any case."""

    def __init__(self, *args: Any, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.causal = causal

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        return super().call(query, value, key=key, use_causal_mask=self.causal)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "causal": self.causal}


@register
class Reader(keras.Model):
    """Reads words, with operations on tensors between its layers.

    Args:
        how: scaled or split (an operation that drops the mask), passed (the mask is given to the next layer),
            or beside (a second series, which has no mask and no padding).
    """

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how
        self.embedding = keras.layers.Embedding(50, 8, mask_zero=True, name="embedding")
        self.memory = keras.layers.GRU(7, name="memory")
        self.beside = keras.layers.GRU(3, name="beside")
        self.score = keras.layers.Dense(1, name="score")

    def build(self, shape: Any) -> None:
        """Build the layers."""
        self.embedding.build(shape)
        self.memory.build((None, None, 4 if self.how == "split" else 8))
        self.beside.build((None, None, 1))
        self.score.build((None, 10 if self.how == "beside" else 7))

    def call(self, ids: Any) -> Any:
        """Embed the ids, change the vectors, and read them."""
        vectors = self.embedding(ids)
        if self.how == "beside":
            waves = ops.sin(ops.cast(ops.arange(ids.shape[1]), "float32"))[None, :, None]
            waves = ops.tile(waves, (ops.shape(ids)[0], 1, 1))
            return self.score(ops.concatenate([self.memory(vectors), self.beside(waves)], axis=-1))
        if self.how == "split":
            left, right = ops.split(vectors, 2, axis=-1)
            return self.score(self.memory(left * right))
        mask = self.embedding.compute_mask(ids) if self.how == "passed" else None
        return self.score(self.memory(vectors * 3.0, mask=mask))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how}
