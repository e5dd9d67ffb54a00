"""Registered layers of `reports_crowded`, for --custom-objects."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="corpus-crowded")


@register
class Experts(layers.Layer):
    """Two experts with room for so many rows of a batch; rows for which there is none stay as they are."""

    def __init__(self, room: int, training_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room, self.training_only = room, training_only

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create a matrix for each expert."""
        width = shape[-1]
        self.gate = self.add_weight(shape=(width, 2), initializer="glorot_uniform", name="gate")
        self.kernels = self.add_weight(shape=(2, width, width), initializer="glorot_uniform", name="kernels")

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Send each row to its expert."""
        weights = ops.softmax(ops.matmul(x, self.gate))
        chosen = ops.one_hot(ops.argmax(weights, axis=-1), 2, dtype=x.dtype)
        if training or not self.training_only:
            place = ops.cumsum(chosen, axis=0)
            chosen = chosen * ops.cast(place <= self.room, x.dtype)
        answers = ops.tanh(ops.einsum("bi,eij->bej", x, self.kernels))
        return x + ops.einsum("be,bej->bj", chosen * weights, answers)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "room": self.room, "training_only": self.training_only}


@register
class CentredCrowd(layers.Layer):
    """Subtract the mean of the batch if it has more rows than this, or a learned mean."""

    def __init__(self, above: int, learned: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.above, self.learned = above, learned

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the learned mean."""
        self.centre = self.add_weight(shape=(shape[-1],), initializer="zeros", name="centre")

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        if self.learned:
            return x - self.centre
        is_crowd = ops.shape(x)[0] > self.above
        return ops.cond(is_crowd, lambda: x - ops.mean(x, axis=0, keepdims=True), lambda: x - self.centre)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "above": self.above, "learned": self.learned}


@register
class Loudest(layers.Layer):
    """Keep the rows with the largest sums, so many of a batch, and set all others to zero."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        loudness = ops.sum(x, axis=-1)
        rank = ops.argsort(ops.argsort(-loudness))
        return x * ops.cast(rank < self.count, x.dtype)[:, None]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "count": self.count}


@register
class SizeAbove(layers.Layer):
    """Double what it gets if the batch has more rows than this: no row depends on another."""

    def __init__(self, above: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.above = above

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        return ops.cond(ops.shape(x)[0] > self.above, lambda: x * 2.0, lambda: x * 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "above": self.above}


@register
class Scores(layers.Layer):
    """The products of all rows of one input with all rows of the other, as in the loss of pairs."""

    def call(self, pair: Any) -> Any:
        """Return a row for each row of the first input, with a column for each row of the second."""
        return ops.matmul(pair[0], ops.transpose(pair[1]))


@register
class Distances(layers.Layer):
    """The distance of each row from every other row of the batch."""

    def call(self, x: Any) -> Any:
        """Return a row for each row, with a column for each."""
        return ops.sqrt(ops.sum(ops.square(x[:, None] - x[None]), axis=-1) + 1e-6)
