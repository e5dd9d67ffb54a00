"""Registered layers of `reports_own_masks`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="corpus-own-masks")


@register
class Attend(layers.Layer):
    """Attention of words with a mask of their ids, at the keys or by mistake at the queries; its mean."""

    def __init__(self, at_keys: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at_keys = at_keys
        self.asked, self.key, self.value = (layers.Dense(8, name=name) for name in ("asked", "key", "value"))

    def build(self, words_shape: Any, ids_shape: Any) -> None:
        """Build the parts."""
        for part in (self.asked, self.key, self.value):
            part.build(words_shape)
        self.built = True

    def call(self, words: Any, ids: Any) -> Any:
        """Attend to the words, and average over the true ones."""
        true = ops.cast(ids > 0, words.dtype)
        hidden = (1.0 - true) * -1e9
        scores = ops.matmul(self.asked(words), ops.transpose(self.key(words), (0, 2, 1)))
        scores = scores + (hidden[:, None, :] if self.at_keys else hidden[:, :, None])
        found = ops.matmul(ops.softmax(scores, axis=-1), self.value(words)) * true[..., None]
        return ops.sum(found, axis=1) / ops.maximum(ops.sum(true, axis=1, keepdims=True), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return its arguments."""
        return {**super().get_config(), "at_keys": self.at_keys}


@register
class SumOfSet(layers.Layer):
    """The sum over as many members of a set as its size says, or by mistake the mean over all places."""

    def __init__(self, counts_all: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counts_all = counts_all

    def call(self, members: Any, size: Any) -> Any:
        """Add up the true members."""
        if self.counts_all:
            return ops.mean(members, axis=1)
        places = ops.arange(ops.shape(members)[1], dtype=size.dtype)
        return ops.sum(members * ops.cast(places[None] < size, members.dtype)[..., None], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return its arguments."""
        return {**super().get_config(), "counts_all": self.counts_all}


@register
class Weighted(layers.Layer):
    """The sum of the words with weights of their own, of the true ones or by mistake of all."""

    def __init__(self, hides: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hides = hides
        self.score = layers.Dense(1, name="score")

    def build(self, words_shape: Any, real_shape: Any) -> None:
        """Build the scores."""
        self.score.build(words_shape)
        self.built = True

    def call(self, words: Any, real: Any) -> Any:
        """Add up the words, those with high scores more."""
        scores = self.score(words)
        if self.hides:
            scores = ops.where(real[..., None], scores, -1e9)
        return ops.sum(ops.softmax(scores, axis=1) * words, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return its arguments."""
        return {**super().get_config(), "hides": self.hides}
