"""Models, rows and kits of series for planted faults and clean counterparts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml
from keras import layers

from tests.corpus.cases import Maker, Rows, Writer, save_rows

__all__ = ["flow", "known_lengths", "moved_columns", "padded", "pictured", "sensors", "translator"]


def padded(
    length: int,
    features: int,
    *,
    side: str = "right",
    value: float = 0.0,
    noise: bool = False,
    gaps: bool = False,
) -> Maker:
    """Series of 3 to `length` true time steps under "x", padded, and their "lengths".

    The padding is a value or noise; `gaps` sets the last true time step to zeros.
    """

    def make(random: np.random.Generator) -> Rows:
        values = 1.5 + random.normal(size=(48, length, features))
        lengths = random.integers(3, length + 1, size=48)
        place = np.arange(length) if side == "right" else np.arange(length)[::-1]
        beyond = (place >= lengths[:, None])[..., None]
        if gaps:
            values[np.arange(48), lengths - 1 if side == "right" else length - lengths] = 0.0
        filling = random.normal(size=values.shape) if noise else np.full_like(values, value)
        return {"x": np.where(beyond, filling, values).astype("float32"), "lengths": lengths}

    return make


def known_lengths(data: Maker, **facts: Any) -> Writer:
    """A kit of rows, their lengths in a separate file, and further facts."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        made = data(random)
        assert isinstance(made, dict)
        np.save(folder / "lengths.npy", made["lengths"])
        (folder / "kcheck.yaml").write_text(
            yaml.safe_dump({"facts": {"lengths": "lengths.npy", **facts}}), encoding="utf-8"
        )
        return ("--data", str(save_rows(folder / "data", made["x"])), "--config", str(folder / "kcheck.yaml"))

    return write


def translator(*, attention: bool = False) -> Any:
    """An encoder whose last state starts a decoder, which may look back at it."""
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 2), name="target")
    steps, *states = layers.LSTM(6, return_state=True, return_sequences=True, name="encoder")(source)
    decoded = layers.LSTM(6, return_sequences=True, name="decoder")(target, initial_state=states)
    decoded = (
        layers.Concatenate()([decoded, layers.Attention(name="look")([decoded, steps])])
        if attention
        else decoded
    )
    return keras.Model([source, target], layers.Dense(2)(decoded))


def pictured(random: np.random.Generator) -> Rows:
    """Rows of `translator`."""
    return {
        "source": random.normal(size=(40, 9, 3)).astype("float32"),
        "target": random.normal(size=(40, 7, 2)).astype("float32"),
    }


def flow(length: int) -> Maker:
    """Short films of 8 × 8 pixels, (rows, length, 8, 8, 1)."""
    return lambda random: random.random(size=(36, length, 8, 8, 1)).astype("float32")


def sensors(rows: int, *, swapped: tuple[int, int] | None = None, drift: float = 0.0) -> Maker:
    """Series of six sensors on different scales, with optional swapped features and drift."""

    def make(random: np.random.Generator) -> Rows:
        spread, level = (
            np.array([1.0, 5.0, 0.2, 40.0, 3.0, 1.0]),
            np.array([0.0, 100.0, 5.0, -300.0, 20.0, -8.0]),
        )
        values = (random.normal(size=(rows, 12, 6)) + drift) * spread + level
        return moved_columns(values, *swapped).astype("float32") if swapped else values.astype("float32")

    return make


def moved_columns(values: np.ndarray, one: int, other: int) -> np.ndarray:
    """The same rows with two features in each other's place."""
    order = list(range(values.shape[-1]))
    order[one], order[other] = other, one
    return values[..., order]
