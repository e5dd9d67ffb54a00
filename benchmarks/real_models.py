"""Duration, CPU time and memory of `kcheck run` on models of the kinds that people deploy.

Each is compared with a bare script that imports Keras, loads the model and predicts the same rows once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, Pairs, kcheck, say
from benchmarks.process_usage import Usage, watch_usage

__all__ = ["SUBJECTS", "Subject", "measure", "write_subject"]

BARE = "import numpy, keras; keras.models.load_model('model.keras').predict(numpy.load('x.npy'), verbose=0)"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to measure: how it is built, the shape of its rows, and how many there are.

    There are as many rows as a default run checks, so that the bare script predicts the same ones. `most` is
    the goal for the whole command's duration, in multiples of the bare script's. `ids` is the
    number of ids if the rows are ids.
    """

    name: str
    build: Callable[[], Any]
    shape: tuple[int, ...]
    rows: int
    most: float
    ids: int = 0


def _mlp() -> Any:
    from benchmarks.models import mlp

    return mlp()


def _cnn() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((64, 64, 3)),
            *(layers.Conv2D(width, 3, strides=2, activation="relu") for width in (16, 32, 64)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _lstm() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [Input((100, 8)), layers.LSTM(64, return_sequences=True), layers.LSTM(64), layers.Dense(1)]
    )


def _transformer() -> Any:
    import keras
    from keras import layers

    ids = keras.Input((128,), dtype="int32")
    h = layers.Embedding(1000, 64)(ids)
    for _ in range(4):
        h = layers.LayerNormalization()(layers.Add()([h, layers.MultiHeadAttention(4, 16)(h, h)]))
        wide = layers.Dense(64)(layers.Dense(256, activation="gelu")(h))
        h = layers.LayerNormalization()(layers.Add()([h, wide]))
    return keras.Model(ids, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(h)))


def _gru(steps: int) -> Callable[[], Any]:
    def build() -> Any:
        from keras import Input, Sequential, layers

        return Sequential([Input((steps, 4)), layers.Bidirectional(layers.GRU(32)), layers.Dense(1)])

    return build


def _application(name: str, size: int) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))

    return build


SUBJECTS: Sequence[Subject] = (
    Subject(name="MLP 10-64-1", build=_mlp, shape=(10,), rows=256, most=1.0),
    Subject(name="CNN, 3 conv layers, 64²", build=_cnn, shape=(64, 64, 3), rows=256, most=1.5),
    Subject(name="2 × LSTM(64), 100 steps", build=_lstm, shape=(100, 8), rows=96, most=2.0),
    Subject(
        name="Transformer, 4 blocks, 128 tokens",
        build=_transformer,
        shape=(128,),
        rows=112,
        most=2.5,
        ids=1000,
    ),
    Subject(name="Bidirectional GRU(32), 1,000 steps", build=_gru(1000), shape=(1000, 4), rows=16, most=3.0),
    Subject(name="Bidirectional GRU(32), 5,000 steps", build=_gru(5000), shape=(5000, 4), rows=16, most=3.0),
    Subject(
        name="MobileNetV2 224²",
        build=_application("MobileNetV2", 224),
        shape=(224, 224, 3),
        rows=16,
        most=3.0,
    ),
    Subject(
        name="EfficientNetB0 128²",
        build=_application("EfficientNetB0", 128),
        shape=(128, 128, 3),
        rows=16,
        most=3.0,
    ),
    Subject(
        name="ResNet50 224²", build=_application("ResNet50", 224), shape=(224, 224, 3), rows=16, most=3.0
    ),
)
"""The models of the table, in the order in which they are measured."""

_QUICK = 4


def measure(*, quick: bool) -> list[Figure]:
    """Return one figure for each model; the short version leaves out those that take minutes."""
    subjects = SUBJECTS[:_QUICK] if quick else SUBJECTS
    return [_measure_subject(subject, rounds=1 if quick else 3) for subject in subjects]


def write_subject(subject: Subject, folder: Path) -> None:
    """Save a model with random weights and its rows as model.keras and x.npy."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    subject.build().save(folder / "model.keras")
    random = np.random.default_rng(0)
    size = (subject.rows, *subject.shape)
    rows = random.integers(1, subject.ids, size) if subject.ids else random.normal(size=size)
    np.save(folder / "x.npy", rows.astype(np.int32 if subject.ids else np.float32))


def _measure_subject(subject: Subject, *, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_subject(subject, folder)
        say(f"real models: {subject.name}")
        bare, mine = [sys.executable, "-c", BARE], kcheck("run", "model.keras", "--data", "x.npy")
        watch_usage(bare, folder)  # fills the file cache for both
        turns = [(watch_usage(mine, folder), watch_usage(bare, folder)) for _ in range(rounds)]
        return _figure(subject, [a for a, _ in turns], [b for _, b in turns])


def _figure(subject: Subject, mine: Sequence[Usage], bare: Sequence[Usage]) -> Figure:
    def pairs(quantity: str) -> Pairs:
        return Pairs(
            mine=tuple(getattr(usage, quantity) for usage in mine),
            theirs=tuple(getattr(usage, quantity) for usage in bare),
        )

    wall, cpu, memory = pairs("seconds"), pairs("cpu_seconds"), pairs("peak_bytes")
    return Figure(
        what=f"`kcheck run`, all checks, {subject.name}, {subject.rows} rows, {os.cpu_count()} cores",
        measured=f"{wall.medians[0]:.1f} s, CPU {cpu.medians[0]:.0f} s, {memory.medians[0] / 1e9:.1f} GB",
        against=f"{wall.medians[1]:.1f} s, CPU {cpu.medians[1]:.0f} s, {memory.medians[1] / 1e9:.1f} GB",
        ratio=f"{wall.spread()}; CPU {cpu.ratio:.1f} ×, memory {memory.ratio:.1f} ×",
        goal=f"≤ {subject.most:g} ×; CPU ≤ 2.5 ×, memory ≤ 2.2 ×",
    )
