"""A case: one model with its rows and files, and the result that kcheck should give."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

__all__ = [
    "CUSTOM",
    "Case",
    "Files",
    "Maker",
    "Rows",
    "Writer",
    "flags",
    "flat",
    "ids",
    "pictures",
    "save_rows",
    "steps",
    "write",
]

Rows = np.ndarray | dict[str, np.ndarray]
Maker = Callable[[np.random.Generator], Rows]
Writer = Callable[[Path, np.random.Generator], tuple[str, ...]]
"""Writes data, scaler, reference and the like into a folder, and returns the arguments that name them."""

CUSTOM = ("--custom-objects", str(Path(__file__).resolve().parent / "custom_layers.py"))
"""Arguments for models that hold registered layers of custom_layers.py."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """A case on disk: its model, and the arguments after it on the command line."""

    model: Path
    args: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model of the corpus.

    Args:
        name: for the list of misses; kcheck never sees it.
        family: the group in which it is scored.
        build: creates the model, after the global seed is set.
        data: creates the rows, one array or one array per input name, from a seeded generator.
        kit: in place of `data`, if the model has more files than rows; such a model needs no preparation.
        causes: acceptable cause slugs; empty if no known cause fits and the cause is not scored.
        layer: path of the layer with the planted fault, None if there is no single one.
        failing: codes of which at least one must fail; empty for a clean model.
        warning: codes of which at least one must warn or fail, if a warning is expected.
        quiet: codes of the checks whose fault a clean model resembles; no check may warn about it.
        args: additional arguments of the command.
    """

    name: str
    family: str
    build: Callable[[], Any]
    data: Maker | None = None
    kit: Writer | None = None
    causes: tuple[str, ...] = ()
    layer: str | None = None
    failing: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    args: tuple[str, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether a fault was planted."""
        return bool(self.failing or self.warning)

    @property
    def seed(self) -> int:
        """A seed that does not depend on other cases."""
        return zlib.crc32(self.name.encode())


def flat(features: int, rows: int = 70) -> Maker:
    """Standard normal float32 rows, (rows, features)."""
    return lambda random: random.normal(size=(rows, features)).astype("float32")


def steps(length: int, features: int, rows: int = 45) -> Maker:
    """Standard normal float32 sequences, (rows, length, features)."""
    return lambda random: random.normal(size=(rows, length, features)).astype("float32")


def pictures(height: int, width: int, channels: int, rows: int = 40) -> Maker:
    """Float32 pixels in 0 to 1, (rows, height, width, channels)."""
    return lambda random: random.random(size=(rows, height, width, channels)).astype("float32")


def ids(vocabulary: int, length: int, rows: int = 50) -> Maker:
    """Whole numbers from 1 to vocabulary - 1, padded with zeros: (rows, length) int32."""

    def make(random: np.random.Generator) -> Rows:
        tokens = random.integers(1, vocabulary, size=(rows, length), dtype="int32")
        lengths = random.integers(2, length + 1, size=(rows, 1))
        return np.where(np.arange(length) < lengths, tokens, np.int32(0))

    return make


def flags(features: int, rows: int = 60) -> Maker:
    """Boolean rows, (rows, features)."""
    return lambda random: random.random(size=(rows, features)) > 0.5


def write(case: Case, folder: Path) -> Files:
    """Build the case into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.backend.clear_session()
    keras.utils.set_random_seed(case.seed)
    model, random = case.build(), np.random.default_rng(case.seed)
    if case.kit is not None:
        args = case.kit(folder, random)
    else:
        assert case.data is not None, f"'{case.name}' has neither data nor kit"
        rows = case.data(random)
        _prepare(model, rows)
        args = ("--data", str(save_rows(folder / "data", rows)))
    saved = model.save(folder / "model.keras")  # a builder of other files returns their path
    return Files(model=saved or folder / "model.keras", args=(*args, *case.args))


def save_rows(path: Path, rows: Rows) -> Path:
    """Write rows to `path` with .npy, or .npz if they have names, and return the path."""
    if isinstance(rows, dict):
        np.savez(path.with_suffix(".npz"), allow_pickle=False, **rows)
        return path.with_suffix(".npz")
    np.save(path.with_suffix(".npy"), rows)
    return path.with_suffix(".npy")


def _prepare(model: Any, rows: Rows) -> None:
    """Build the model if necessary, and let BatchNormalization see rows in training."""
    few = {name: values[:8] for name, values in rows.items()} if isinstance(rows, dict) else rows[:8]
    if not model.built:
        model(few, training=False)
    flat_layers = model._flatten_layers(include_self=False)
    norms = [
        layer
        for layer in flat_layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.momentum < 1
    ]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.5
    for _ in range(4 if norms else 0):
        model(rows, training=True)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
