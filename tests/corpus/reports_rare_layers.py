"""Registered layers of `reports_rare`, for --custom-objects."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

__all__ = ["Capped", "Gated", "Kept", "Numbered", "SeveralRaised"]

register = keras.saving.register_keras_serializable(package="corpus-rare")
LIMIT = 4.0


def contrast(x: Any) -> Any:
    """The first feature less the second: one row of a hundred is above the limit."""
    return x[:, :1] - x[:, 1:2]


class _Rare(layers.Layer):
    """A layer whose condition is for the whole batch, or for each row."""

    def __init__(self, by_row: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by_row = by_row

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "by_row": self.by_row}


@register
class Gated(_Rare):
    """Scale the rows if any of them, or all of them, are above the limit."""

    def __init__(self, needs: Literal["any", "all"] = "any", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.needs = needs

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        high = contrast(x) > LIMIT
        if self.by_row:
            return ops.where(high, 1.5 * x, x)
        meets = ops.any(high) if self.needs == "any" else ops.all(high)
        return ops.cond(meets, lambda: 1.5 * x, lambda: x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "needs": self.needs}


@register
class SeveralRaised(_Rare):
    """Scale the rows if three of them are above the limit, or those that are."""

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        high = ops.cast(contrast(x) > LIMIT, x.dtype)
        share = high if self.by_row else ops.cast(ops.sum(high) >= 3, x.dtype)
        return x * (1.0 + 0.5 * share)


@register
class Capped(_Rare):
    """Divide by how far the greatest contrast of the batch, or of the row, is above the limit."""

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        most = contrast(x) if self.by_row else ops.max(contrast(x))
        return x / ops.maximum(1.0, most / LIMIT)


@register
class Numbered(_Rare):
    """Add the place in the batch to rows above the limit, or the contrast."""

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        place = ops.cast(ops.arange(ops.shape(x)[0])[:, None], x.dtype)
        return ops.where(contrast(x) > LIMIT, x + 0.1 * (contrast(x) if self.by_row else place), x)


@register
class Kept(_Rare):
    """Subtract the mean of the first rows, of the first batch or of training."""

    def build(self, shape: Any) -> None:
        """Create the mean, and whether it is known."""
        self.mean = self.add_weight(shape=shape[1:], trainable=False, initializer="zeros", name="mean")
        self.known = self.add_weight(shape=(), trainable=False, initializer="zeros", name="known")

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Compute the mean once."""
        if training or not self.by_row:
            first = ops.mean(x, axis=0)
            self.mean.assign(ops.where(self.known > 0, self.mean, first))
            self.known.assign(1.0)
        return x - self.mean
