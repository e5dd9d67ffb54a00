"""Models that were saved as a folder: faulty ones are found, and healthy ones pass."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, Maker, flat, pictures, save_rows, steps
from tests.corpus.custom_layers import Offset, Reduce, Table
from tests.corpus.hosts import HOSTS

__all__ = ["CASES", "Unzipped", "attention", "quantized", "rows_only"]

FAMILY = "reports-files"


class Unzipped:
    """A model that is saved as a folder, as `model.save(path, zipped=False)` does."""

    def __init__(self, model: Any, *, is_relative: bool = False) -> None:
        self.model, self.is_relative = model, is_relative

    def save(self, path: Path) -> Path:
        """Save the model next to `path`, and return the folder."""
        folder = path.with_suffix("")
        with contextlib.chdir(path.parent):
            self.model.save(folder.name if self.is_relative else folder, zipped=False)
        return folder


def rows_only(data: Maker) -> Callable[[Path, np.random.Generator], tuple[str, ...]]:
    """Write rows for a model that needs no preparation."""
    return lambda folder, random: ("--data", str(save_rows(folder / "data", data(random))))


def attention() -> Any:
    """A small classifier of sequences with attention."""
    entry = keras.Input((6, 8), name="rows")
    attended = layers.MultiHeadAttention(2, 4, name="attention")(entry, entry)
    return keras.Model(entry, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(attended)))


def quantized(model: Any, mode: str = "int8") -> Any:
    """The model after `quantize`."""
    with warnings.catch_warnings():  # Keras warns of each layer that has nothing to quantise
        warnings.simplefilter("ignore")
        model.quantize(mode)
    return model


def _adapted() -> Any:
    """A regressor with a Normalization layer that was adapted, whose statistics are weights."""
    scale = layers.Normalization(name="scale")
    scale.adapt(np.random.default_rng(5).normal(3.0, 2.0, (400, 6)).astype("float32"))
    return keras.Sequential([keras.Input((6,), name="rows"), scale, layers.Dense(9, "tanh"), layers.Dense(1)])


def _scattered(random: np.random.Generator) -> np.ndarray:
    return random.normal(3.0, 2.0, (60, 6)).astype("float32")


def _case(name: str, build: Callable[[], Any], data: Maker, **expected: Any) -> Case:
    return Case(
        name=f"a folder, {name}",
        family=FAMILY,
        build=lambda: Unzipped(build()),
        kit=rows_only(data),
        args=CUSTOM,
        **expected,
    )


def _hosted(host: str, layer: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: HOSTS[host].build(layer())


CASES: tuple[Case, ...] = (
    _case("a perceptron", _hosted("perceptron", layers.Identity), flat(12)),
    _case("an image classifier", _hosted("image-classifier", layers.Identity), pictures(10, 10, 3)),
    _case("a forecaster", _hosted("forecaster", layers.Identity), steps(9, 4)),
    _case("statistics of Normalization", _adapted, _scattered),
    Case(
        name="attention before it is quantised",
        family=FAMILY,
        build=attention,
        data=steps(6, 8),
    ),
    _case(
        "a random tf.Variable",
        _hosted("perceptron", lambda: Table("variable", name="adjust")),
        flat(12),
        causes=("untracked-state",),
        failing=("KC801",),
        layer="adjust",
    ),
    _case(
        "a config that forgets",
        _hosted("forecaster", lambda: Offset(0.7, "forgetful", name="adjust")),
        steps(9, 4),
        causes=("config-loses-arguments",),
        warning=("KC801",),
        layer="adjust",
    ),
    _case(
        "the mean of the batch",
        _hosted("image-embedding", lambda: Reduce("centre", axis=0, name="adjust")),
        pictures(12, 12, 2),
        causes=("cross-sample-dependence",),
        failing=("KC101", "KC102", "KC103"),
        layer="adjust",
    ),
)
