"""Registered layers of `reports_ties`, for --custom-objects."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

__all__ = ["Nearest", "Output"]

register = keras.saving.register_keras_serializable(package="corpus-ties")
Output = Literal["places", "vectors", "votes"]


@register
class Nearest(layers.Layer):
    """The best candidates of a table, in which each is found twice by default: their scores are equal.

    Args:
        gives: their places, what a second table says about the best one, or a vote for each of them.
        by_size: the share of the number of rows that is added to what is given.
        biased: whether the scores depend on the place of a row in its batch.
        twice: whether each candidate is found twice.
    """

    def __init__(
        self,
        gives: Output = "places",
        by_size: float = 0.0,
        biased: bool = False,
        twice: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gives, self.by_size, self.biased, self.twice = gives, by_size, biased, twice

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the candidates and what is known about them."""
        random = np.random.default_rng(3)
        once = random.normal(size=(15, int(shape[-1] or 1)))
        self.candidates = self._table(
            "candidates", np.concatenate([once, once if self.twice else -0.9 * once[::-1]])
        )
        self.known = self._table("known", random.normal(size=(30, 4)))

    def _table(self, name: str, values: Any) -> Any:
        start = keras.initializers.Constant(values.astype("float32"))
        return self.add_weight(shape=values.shape, initializer=start, trainable=False, name=name)

    def call(self, query: Any) -> Any:
        """Return the places of five candidates, or numbers that follow from them."""
        scores = ops.matmul(query, ops.transpose(self.candidates))
        rows = ops.shape(query)[0]
        if self.biased:
            lift = ops.cast(ops.arange(rows)[:, None], scores.dtype) * ops.cast(ops.arange(30), scores.dtype)
            scores = scores + 1e-3 * lift
        _, places = ops.top_k(scores, 5)
        if self.gives == "places":
            return places
        votes = ops.sum(ops.one_hot(places, 30, dtype=scores.dtype), axis=1)
        given = ops.take(self.known, places[:, 0], axis=0) if self.gives == "vectors" else votes
        return given + self.by_size * ops.cast(rows, scores.dtype)

    def compute_output_spec(self, query: Any) -> Any:
        """Describe what is returned."""
        width = {"places": 5, "vectors": 4, "votes": 30}[self.gives]
        dtype = "int32" if self.gives == "places" else self.compute_dtype
        return keras.KerasTensor((query.shape[0], width), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = ("gives", "by_size", "biased", "twice")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
