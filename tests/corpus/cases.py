"""Case: one model with its rows and what belongs to them, and what kcheck ought to say about it."""

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
    """A case on disk: its model, and what follows it on the command line."""

    model: Path
    args: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model of the corpus.

    Args:
        name: for the person who reads the list of misses; it is never shown to kcheck.
        family: the group it is scored in.
        build: makes the model; the global seed has been set.
        data: makes the rows, one array or one array per input name, from a seeded generator.
        kit: takes the place of `data` where more than rows belong to the model, which then needs no further preparation.
        causes: acceptable cause slugs; empty where none of the known ones fits and the cause is not scored.
        layer: path of the layer where the fault is planted, None where there is no single one.
        failing: codes of which at least one must fail; empty for a clean model.
        warning: codes of which at least one must warn or fail, for what is a warning by policy.
        quiet: codes that may not even warn about a clean model.
        args: further arguments of the command.
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
        """Whether something was planted."""
        return bool(self.failing or self.warning)

    @property
    def seed(self) -> int:
        """A seed of its own that stays when other cases come and go."""
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
    """Whole numbers from 1 to vocabulary - 1, each row padded with zeros after a random length, (rows, length) int32."""

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
    model.save(folder / "model.keras")
    return Files(model=folder / "model.keras", args=(*args, *case.args))


def save_rows(path: Path, rows: Rows) -> Path:
    """Write rows to `path` with .npy, or .npz where they have names, and return where they are."""
    if isinstance(rows, dict):
        np.savez(path.with_suffix(".npz"), allow_pickle=False, **rows)
        return path.with_suffix(".npz")
    np.save(path.with_suffix(".npy"), rows)
    return path.with_suffix(".npy")


def _prepare(model: Any, rows: Rows) -> None:
    """Build what is not built yet, and let BatchNormalization see rows in training as it would have in real life."""
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
