"""Live models of series for tests of padding and masks, and padded rows for them.

In the models of KEEPING the mask reaches every layer; in those of LOSING it is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.helpers.live_models import normal, register

__all__ = ["KEEPING", "LOSING", "STEPS", "Pool", "functional", "masked", "model", "padded_rows"]

STEPS = 9


@register
class Scale(layers.Layer):
    """Doubles its inputs, and passes the mask on if `masking` is true."""

    def __init__(self, masking: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = masking

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


@register
class Pool(layers.Layer):
    """Averages over the true time steps, or over all time steps although it gets the mask."""

    def __init__(self, uses_mask: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.uses_mask = uses_mask
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def call(self, inputs: Any, mask: Any = None) -> Any:
        true = keras.ops.cast(mask, inputs.dtype)[..., None]
        steps = keras.ops.sum(true, axis=1) if self.uses_mask else float(inputs.shape[1] or 1)
        return keras.ops.sum(inputs * true, axis=1) / steps


def model(*parts: Any, shape: tuple[int | None, ...] = (None, 3)) -> Any:
    return keras.Sequential([keras.Input(shape, name="x"), *parts])


def functional(
    parts: Callable[[Any], Any], shape: tuple[int | None, ...] = (STEPS, 3), dtype: str = "float32"
) -> Any:
    series = keras.Input(shape, name="x", dtype=dtype)
    return keras.Model(series, layers.Dense(1)(parts(series)))


def masked(value: float = 0.0) -> Any:
    return layers.Masking(value, name="masking")


def attended(series: Any) -> Any:
    steps = masked()(series)
    return layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(steps, steps))


def branched(series: Any) -> Any:
    steps = masked()(series)
    left, right = (
        layers.LSTM(4)(steps),
        layers.GRU(4)(layers.Conv1D(4, 3, padding="same", name="conv")(steps)),
    )
    return layers.Concatenate()([left, right])


KEEPING: dict[str, Callable[[], Any]] = {
    "lstm": lambda: model(masked(), layers.LSTM(4), layers.Dense(1)),
    "both directions": lambda: model(masked(), layers.Bidirectional(layers.GRU(4)), layers.Dense(1)),
    "steps": lambda: model(masked(), layers.LSTM(4, return_sequences=True), layers.Dense(2)),
    "attention of one length": lambda: functional(attended),
    "average": lambda: model(masked(), layers.Dense(4), layers.GlobalAveragePooling1D(), layers.Dense(1)),
    "custom layer": lambda: model(masked(), Scale(masking=True), layers.LSTM(4), layers.Dense(1)),
    "own pooling": lambda: functional(lambda x: Pool(uses_mask=True)(masked()(x))),
    "lstm of one length": lambda: functional(lambda x: layers.LSTM(4)(masked()(x))),
}
LOSING: dict[str, tuple[Callable[[], Any], str]] = {
    "convolution": (
        lambda: model(
            masked(), layers.Conv1D(4, 3, padding="same", name="conv"), layers.LSTM(4), layers.Dense(1)
        ),
        "conv",
    ),
    "operation": (lambda: functional(lambda x: layers.LSTM(4)(masked()(x) * 2.0)), "multiply"),
    "custom layer": (lambda: model(masked(), Scale(name="scale"), layers.LSTM(4), layers.Dense(1)), "scale"),
    "mean over time": (lambda: functional(lambda x: ops.mean(masked()(x), axis=1)), "mean"),
    "one of two branches": (lambda: functional(branched), "conv"),
}


def padded_rows(value: float = 0.0, side: str = "right") -> dict[str, np.ndarray]:
    """Return series of 3 to 8 true time steps."""
    values, lengths = normal(STEPS, 3, rows=24), np.arange(24) % 6 + 3
    place = np.arange(STEPS) if side == "right" else np.arange(STEPS)[::-1]
    return {"x": np.where((place < lengths[:, None])[..., None], values, np.float32(value))}
