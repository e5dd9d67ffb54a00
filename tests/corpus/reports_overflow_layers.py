"""Custom layers whose numbers may leave the range of float16, for `--custom-objects`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

__all__ = ["OWN", "Elementwise", "Masked"]

OWN = ("--custom-objects", str(Path(__file__).resolve()))


def _mean_square(x: Any) -> Any:
    return ops.mean(ops.square(x), axis=-1, keepdims=True)


FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "root mean square": lambda x: x * ops.rsqrt(_mean_square(x) + 1e-3),
    "standardised": lambda x: (x - ops.mean(x, axis=-1, keepdims=True)) / ops.std(x, axis=-1, keepdims=True),
    "length": lambda x: x / ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True)),
    "logistic": lambda x: 1 / (1 + ops.exp(-x)),
    "bell": lambda x: 1 / (1 + ops.square(x)),
    "tanh of a cube": lambda x: ops.tanh(x * x * x),
}


@keras.saving.register_keras_serializable(package="corpus")
class Elementwise(layers.Layer):
    """Apply one of FUNCTIONS."""

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how

    def call(self, x: Any) -> Any:
        """Compute in the dtype of the layer."""
        return FUNCTIONS[self.how](x)

    def get_config(self) -> dict[str, Any]:
        """Store the name of the function."""
        return {**super().get_config(), "how": self.how}


@keras.saving.register_keras_serializable(package="corpus")
class Masked(layers.Layer):
    """Attention of time steps to those that are not masked, by a product of `factors`."""

    def __init__(self, factors: tuple[float, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factors = tuple(factors)

    def call(self, x: Any, real: Any) -> Any:
        """Add a large negative number to the scores of padding."""
        penalty = (1 - ops.cast(real, x.dtype))[:, None, :]
        for factor in self.factors:
            penalty = penalty * factor
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2)) * 0.1 + penalty
        return ops.matmul(ops.softmax(scores), x)

    def get_config(self) -> dict[str, Any]:
        """Store the factors."""
        return {**super().get_config(), "factors": self.factors}
