"""BatchNormalization whose moving statistics do not fit a strong minority of features, and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, Writer
from tests.corpus.kits import lay_out

__all__ = ["CASES"]

Array = np.ndarray

FAMILY, CLEAN = "reports-moving-statistics", "clean-reports-moving-statistics"
KINDS = 30
CODES = ("KC404",)


def readings(random: np.random.Generator, rows: int = 160) -> Array:
    """Sensors around 20."""
    return random.normal(20, 6, (rows, 10)).astype("float32")


def uneven(random: np.random.Generator, rows: int = 160) -> Array:
    """Twelve sensors around 0, and four whose level is far from it."""
    levels = np.r_[np.zeros(12), [60, -45, 80, 30]]
    return np.asarray(levels + random.normal(size=(rows, 16)), "float32")


def drawn(random: np.random.Generator, rows: int = 96) -> Array:
    """Bright pictures with three channels."""
    return random.normal([160, 120, 90], 20, (rows, 8, 8, 3)).astype("float32")


def kinds(random: np.random.Generator, rows: int = 900, *, only: int | None = None) -> Array:
    """Rows of thirty kinds, or of one of them."""
    centres = 3 * np.random.default_rng(2).normal(size=(KINDS, 12))
    chosen = random.integers(0, KINDS, rows) if only is None else np.full(rows, only)
    return (centres[chosen] + random.normal(size=(rows, 12))).astype("float32")


def units() -> Any:
    """Units of which some are rarely or never active, behind them BatchNormalization."""
    parts = [layers.Dense(32, activation="relu"), layers.BatchNormalization(name="norm")]
    return keras.Sequential(
        [keras.Input((10,)), *parts, layers.Dense(16, activation="relu"), layers.Dense(1)]
    )


def first() -> Any:
    """BatchNormalization of the rows themselves."""
    return keras.Sequential([keras.Input((16,)), layers.BatchNormalization(name="norm"), layers.Dense(2)])


def filters() -> Any:
    """Convolutions, of which some react to the brightness and some to edges only."""
    edges = np.random.default_rng(4).normal(size=(3, 3, 3, 12))
    edges[..., 3:] -= edges[..., 3:].mean((0, 1), keepdims=True)  # they do not react to brightness
    parts = [
        layers.Conv2D(12, 3, name="conv"),
        layers.BatchNormalization(momentum=0.999, name="norm"),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(2),
    ]
    model = keras.Sequential([keras.Input((8, 8, 3)), *parts])
    model.get_layer("conv").kernel.assign(0.05 * edges)
    return model


def classes() -> Any:
    """A classifier of kinds with BatchNormalization before and after a relu."""
    parts = [
        layers.Dense(48, activation="relu"),
        layers.BatchNormalization(momentum=0.9),
        layers.Dense(48),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]
    return keras.Sequential([keras.Input((12,)), *parts, layers.Dense(KINDS, activation="softmax")])


def waves(random: np.random.Generator, rows: int = 120, *, times: float = 1.0) -> Array:
    """Three signals of different sizes that swing around levels not far from 0."""
    phase, pace = random.uniform(0, 6, (rows, 1, 3)), random.uniform(0.2, 1, (rows, 1, 3))
    swing = np.array([9, 20, 14]) * np.sin(phase + pace * np.arange(30)[:, None])
    noise = random.normal(0, 2, (rows, 30, 3))
    return np.asarray(times * (np.array([4, -6, 9]) + swing + noise), "float32")


def signals() -> Any:
    """A convolution over time, and BatchNormalization of what it gives."""
    parts = [
        layers.Conv1D(16, 5, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(),
        layers.GlobalAveragePooling1D(),
    ]
    return keras.Sequential([keras.Input((30, 3)), *parts, layers.Dense(2)])


def seen(build: Callable[[], Any], rows: Maker, batches: int, momentum: float | None = None) -> Any:
    """Return a builder of a model that training showed so many batches."""

    def make() -> Any:
        model, known = build(), np.asarray(rows(np.random.default_rng(7)))
        norms = [each for each in model._flatten_layers() if isinstance(each, layers.BatchNormalization)]
        for norm in norms:
            norm.momentum = momentum or norm.momentum
        for number in range(batches):
            start = 32 * number % (len(known) - 31)
            model(known[start : start + 32], training=True)
        return model

    return make


def of_other_rows() -> Any:
    """Statistics of rows in which a quarter of the sensors had another level."""
    model = first()
    norm = model.get_layer("norm")
    norm.moving_mean.assign(np.r_[np.zeros(12), [6, -4.5, 8, 3]])
    norm.moving_variance.assign(np.full(16, 1.1))
    return model


def new_rows(rows: Maker, *, reference: bool = False) -> Writer:
    """New rows of the same kind, with the training rows or without."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        known = np.asarray(rows(np.random.default_rng(7))) if reference else None
        return lay_out(folder, data=np.asarray(rows(random)), reference=known)

    return write


def _fault(
    name: str, build: Callable[[], Any], rows: Maker, *, reference: bool = False, warns: bool = False
) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=new_rows(rows, reference=reference),
        causes=("batch-norm-statistics",),
        layer="norm",
        failing=() if warns else CODES,
        warning=CODES if warns else (),
    )


def _clean(name: str, build: Callable[[], Any], rows: Maker, *, reference: bool = False) -> Case:
    kit = new_rows(rows, reference=reference)
    return Case(name=name, family=CLEAN, build=build, kit=kit, quiet=CODES)


CASES: tuple[Case, ...] = (
    _fault("five batches, units of which some are never active", seen(units, readings, 5), readings),
    _fault("twenty batches, four sensors far from 0", seen(first, uneven, 20), uneven),
    _fault("sixty batches, filters of brightness and of edges", seen(filters, drawn, 60), drawn),
    _fault("twenty batches, next to the training rows", seen(first, uneven, 20), uneven, reference=True),
    _fault("twelve batches of signals, no feature far outside", seen(signals, waves, 12, 0.995), waves),
    _fault("ninety batches, no value several times too large", seen(units, readings, 90, 0.99), readings),
    _fault("statistics of rows whose sensors had another level", of_other_rows, uneven, warns=True),
    _clean("many batches, units of which some are never active", seen(units, readings, 900), readings),
    _clean("many batches, four sensors far from 0", seen(first, uneven, 100, 0.9), uneven, reference=True),
    _clean("many batches, filters of brightness and of edges", seen(filters, drawn, 90, 0.9), drawn),
    _clean("many batches of signals", seen(signals, waves, 90, 0.9), waves),
    _clean(
        "signals in a unit twice as small",
        seen(signals, waves, 90, 0.9),
        lambda random: waves(random, times=2.0),
    ),
    _clean("few batches, a low momentum", seen(units, readings, 12, 0.5), readings),
    _clean("few batches, rows around 0", seen(classes, kinds, 3, 0.99), lambda random: kinds(random, 80)),
    _clean("rows of a single kind", seen(classes, kinds, 90), lambda random: kinds(random, 80, only=4)),
    _clean("nine rows of a single kind", seen(classes, kinds, 90), lambda random: kinds(random, 9, only=11)),
)
