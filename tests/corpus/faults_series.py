"""Planted faults of series that only the owner's facts or reference rows show."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, steps
from tests.corpus.custom_layers import Averaged
from tests.corpus.faults_sequences import CONSECUTIVE, ONE_STEP, PREFIX, with_files
from tests.corpus.series import flow, known_lengths, padded, pictured, sensors, translator

__all__ = ["CASES"]

FAMILY = "sequences"
WINDOWS = {"step_by_step": "sliding-window"}


def masked(*between: Any, batch: int | None = None, length: int | None = None) -> Any:
    """A masked GRU, with a layer in between."""
    parts = [layers.Masking(name="masking"), *between, layers.GRU(6, name="memory"), layers.Dense(1)]
    return keras.Sequential([keras.Input((length, 3), batch_size=batch), *parts])


def pooled() -> Any:
    """A TCN whose average over time includes the padding: convolutions lose the mask."""
    parts = [layers.Conv1D(6, 3, padding="causal", dilation_rate=rate, activation="relu") for rate in (1, 2)]
    return keras.Sequential(
        [keras.Input((None, 3)), layers.Masking(), *parts, layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )


def sensing(length: int | None = 12) -> Any:
    """An LSTM over six sensors, normalised with the statistics of the training rows."""
    norm = layers.Normalization(
        mean=[0.0, 100.0, 5.0, -300.0, 20.0, -8.0], variance=[1.0, 25.0, 0.04, 1600.0, 9.0, 1.0]
    )
    return keras.Sequential([keras.Input((length, 6)), norm, layers.LSTM(6), layers.Dense(1)])


def filming() -> Any:
    """A convolutional LSTM with an output for each picture, without state between films."""
    film = keras.Input((None, 8, 8, 1))
    seen = layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, name="seen")(film)
    return keras.Model(film, keras.ops.mean(seen, axis=(2, 3)))


def nested_memory() -> Any:
    """State in a nested model, with an output for each time step."""
    inner_series = keras.Input((6, 4), batch_size=4)
    inner = keras.Model(
        inner_series,
        layers.GRU(4, stateful=True, return_sequences=True, name="hidden")(inner_series),
        name="inner",
    )
    series = keras.Input((6, 3), batch_size=4)
    return keras.Model(series, layers.Dense(1)(inner(layers.Dense(4)(series))))


def worded(random: np.random.Generator) -> np.ndarray:
    """Words of 3 to 12 true time steps, padded with 0."""
    lengths = random.integers(3, 13, size=(64, 1))
    return np.where(np.arange(12) < lengths, random.integers(1, 50, size=(64, 12)), 0).astype("int32")


def wordy() -> Any:
    """Any number of words, none of them masked."""
    return keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(50, 6), layers.GRU(5), layers.Dense(1)]
    )


def ignoring() -> Any:
    """An average over time that divides by the padded length, although it has the mask."""
    words = keras.Input((12,), dtype="int32")
    return keras.Model(
        words, layers.Dense(1)(Averaged(name="pool")(layers.Embedding(50, 6, mask_zero=True)(words)))
    )


def _kit(name: str, build: Any, kit: Any, cause: str, code: str, **more: Any) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, causes=(cause,), failing=(code,), **more)


LOST, UNMASKED, DIFFERS = ("mask-lost", "KC504"), ("padding-unmasked", "KC504"), ("stepwise-differs", "KC503")
FILTER = {"kernel_size": 3, "padding": "same", "name": "filter"}

CASES: tuple[Case, ...] = (
    _kit("known lengths, noise beyond them", masked, known_lengths(padded(9, 3, noise=True)), *UNMASKED),
    _kit(
        "known lengths, minus one beyond them",
        masked,
        known_lengths(padded(9, 3, value=-1.0, side="left")),
        *UNMASKED,
    ),
    _kit(
        "known lengths, mask lost",
        lambda: masked(layers.Conv1D(5, **FILTER)),
        known_lengths(padded(9, 3)),
        *LOST,
        layer="filter",
    ),
    _kit(
        "mask lost, one batch size",
        lambda: masked(layers.Conv1D(5, **FILTER), batch=8),
        with_files(lambda r: padded(9, 3)(r)["x"]),
        *LOST,
    ),  # type: ignore[index, call-overload]
    _kit("mask lost in a TCN, padded left", pooled, known_lengths(padded(9, 3, side="left")), *LOST),
    Case(
        name="true steps that the mask skips",
        family=FAMILY,
        build=masked,
        kit=known_lengths(padded(9, 3, gaps=True)),
        warning=("KC504",),
    ),
    _kit(
        "two sensors swapped, by the reference",
        sensing,
        with_files(sensors(60, swapped=(1, 4)), reference=sensors(200)),
        "feature-order",
        "KC501",
    ),
    _kit(
        "two sensors swapped, by the Normalization",
        sensing,
        with_files(sensors(60, swapped=(0, 3))),
        "feature-order",
        "KC501",
    ),
    _kit(
        "stream of words into a decoder",
        translator,
        with_files(pictured, facts=ONE_STEP),
        *DIFFERS,
        layer="decoder",
    ),
    _kit(
        "stream into a decoder with attention",
        lambda: translator(attention=True),
        with_files(pictured, facts=ONE_STEP),
        *DIFFERS,
        layer="decoder",
    ),
    _kit("stream of pictures into a ConvLSTM", filming, with_files(flow(6), facts=ONE_STEP), *DIFFERS),
    _kit("films that go on", filming, with_files(flow(6), facts=CONSECUTIVE), "state-not-carried", "KC502"),
    _kit(
        "windows for an endless memory",
        lambda: _tagged(layers.LSTM),
        with_files(steps(24, 3), facts=WINDOWS),
        *DIFFERS,
    ),
    _kit(
        "prefixes for both directions inside",
        lambda: _inside(),
        with_files(steps(12, 3), facts=PREFIX),
        *DIFFERS,
    ),
    _kit(
        "padded as declared, nothing masked",
        wordy,
        with_files(worded, facts={"padding": {"value": 0, "side": "right"}}),
        *UNMASKED,
    ),
    _kit("mask taken and not used", ignoring, with_files(worded), *LOST, layer="pool", args=CUSTOM),
    Case(
        name="state inside a model inside",
        family=FAMILY,
        build=nested_memory,
        data=steps(6, 3, rows=32),
        causes=("state-carry-over",),
        failing=("KC502",),
        layer="inner/hidden",
    ),
)


def _tagged(cell: Any) -> Any:
    """An output for each time step."""
    return keras.Sequential(
        [keras.Input((None, 3)), cell(6, return_sequences=True, name="memory"), layers.Dense(2)]
    )


def _inside() -> Any:
    """Both directions in a nested model."""
    inner_series, series = keras.Input((None, 4)), keras.Input((None, 3))
    inner = keras.Model(
        inner_series,
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(inner_series),
        name="inner",
    )
    return keras.Model(series, layers.Dense(2)(inner(layers.Dense(4)(series))))
