"""Write model.keras and data.npy or data.npz into each sample's folder: `python sample_models/make_samples.py [--into DIR] [NAME ...]`.

Every sample is seeded. What kcheck must say about it stands in the folder's expected.yaml.
"""

from __future__ import annotations

import argparse
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers
from layers import BatchLeak, MonteCarloDropout, NormalisedDense, PriceModel, RandomProjection

__all__ = ["SAMPLES", "Sample", "main", "make"]

HERE = Path(__file__).resolve().parent

Rows = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A model and the rows to check it on; `data` is given a seeded generator."""

    build: Callable[[], Any]
    data: Callable[[np.random.Generator], Rows]
    epochs: int = 0
    """Epochs of training on a made-up target, so that outputs spread; 0 leaves the initial weights."""


def normal(*shape: int, rows: int = 96) -> Callable[[np.random.Generator], Rows]:
    """Rows of standard normal float32 with this shape."""
    return lambda random: random.normal(size=(rows, *shape)).astype("float32")


def pictures(*shape: int, rows: int = 64) -> Callable[[np.random.Generator], Rows]:
    """Rows of float32 pixels in 0 to 1, brighter towards one corner so that flips and turns show."""
    slope = np.add.outer(np.linspace(0, 0.5, shape[0]), np.linspace(0, 0.3, shape[1]))[..., None]
    return lambda random: (slope + 0.2 * random.random(size=(rows, *shape))).astype("float32")


def customer_rows(random: np.random.Generator) -> Rows:
    """Rows for the model with two inputs: eight numbers and three category ids below 12."""
    return {"numbers": random.normal(size=(96, 8)).astype("float32"), "categories": random.integers(0, 12, size=(96, 3), dtype="int32")}


def healthy_mlp() -> Any:
    """10-64-1 with a sigmoid head."""
    return keras.Sequential([keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")])


def stateful_lstm() -> Any:
    """An LSTM that goes on from the last batch's state; four rows a batch."""
    recurrent = layers.LSTM(12, stateful=True, name="memory")
    return keras.Sequential([keras.Input((6, 3), batch_size=4), recurrent, layers.Dense(1)])


def dropout_left_on() -> Any:
    """A Monte Carlo dropout layer that somebody forgot to take out."""
    dropout = MonteCarloDropout(0.3, seed=5, name="drop")
    return keras.Sequential([keras.Input((10,)), layers.Dense(32, activation="relu"), dropout, layers.Dense(1)])


def batchnorm_training_inside() -> Any:
    """BatchNormalization in training mode inside a custom layer."""
    return keras.Sequential([keras.Input((8,)), NormalisedDense(16, name="block"), layers.Dense(3, activation="softmax")])


def augmentation_on_call() -> Any:
    """Augmentation layers default to training=True: predict is steady, a bare model(x) is not."""
    augmentation = [layers.RandomFlip(seed=1, name="flip"), layers.RandomRotation(0.2, seed=2, name="turn")]
    head = [layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((8, 8, 3)), *augmentation, *head])


def batch_mean_leak() -> Any:
    """A millionth of the batch's mean in every row."""
    parts = [layers.Dense(32, activation="tanh"), BatchLeak(1e-6, name="leak"), layers.Dense(16, activation="relu"), layers.Dense(1)]
    return keras.Sequential([keras.Input((12,)), *parts])


def attention_over_batch() -> Any:
    """Attention over inputs that have no time axis: the rows of the batch attend to each other."""
    features = keras.Input((16,), name="features")
    mixed = layers.Attention(name="attention")([features, features])
    return keras.Model(features, layers.Dense(2, activation="softmax")(mixed))


def two_inputs() -> Any:
    """Numbers and category ids."""
    numbers, categories = keras.Input((8,), name="numbers"), keras.Input((3,), dtype="int32", name="categories")
    embedded = layers.Flatten()(layers.Embedding(12, 4)(categories))
    hidden = layers.Dense(16, activation="relu")(layers.Concatenate()([numbers, embedded]))
    return keras.Model({"numbers": numbers, "categories": categories}, layers.Dense(1, activation="sigmoid")(hidden))


def nested() -> Any:
    """A convolutional encoder as a model of its own inside another one."""
    encoder = keras.Sequential([keras.Input((10, 10, 1)), layers.Conv2D(6, 3), layers.BatchNormalization(), layers.ReLU()], name="encoder")
    picture = keras.Input((10, 10, 1), name="picture")
    pooled = layers.GlobalAveragePooling2D()(encoder(picture))
    return keras.Model(picture, layers.Dense(4, activation="softmax")(layers.Dropout(0.3)(pooled)))


def untracked_state() -> Any:
    """A random projection whose numbers no file holds."""
    return keras.Sequential([keras.Input((10,)), RandomProjection(16, name="projection"), layers.Dense(1, activation="sigmoid")])


def ill_conditioned() -> Any:
    """Sixty layers deep, with weights so large that each layer makes more of every rounding error."""
    large = keras.initializers.RandomNormal(stddev=2.5 / 8)
    deep = [layers.Dense(64, activation="tanh", kernel_initializer=large) for _ in range(60)]
    return keras.Sequential([keras.Input((10,)), *deep, layers.Dense(1)])


def near_ties() -> Any:
    """A softmax over classes of which two have all but the same weights."""
    model = keras.Sequential([keras.Input((24,)), layers.Dense(4, activation="softmax", name="classes")])
    kernel = np.random.default_rng(4).normal(size=(24, 4))
    kernel[:, 1] = kernel[:, 0] + 2e-6 * kernel[:, 2]
    model.layers[0].set_weights([kernel.astype("float32"), np.zeros(4, "float32")])
    return model


def mixed_precision() -> Any:
    """An MLP under mixed_float16 with its last layer in float32, as it should be."""
    hidden = [layers.Dense(32, activation="relu", dtype="mixed_float16") for _ in range(2)]
    return keras.Sequential([keras.Input((10,)), *hidden, layers.Dense(1, activation="sigmoid", dtype="float32")])


SAMPLES: Mapping[str, Sample] = {
    "healthy-mlp": Sample(build=healthy_mlp, data=normal(10, rows=256), epochs=5),
    "stateful-lstm": Sample(build=stateful_lstm, data=normal(6, 3, rows=48)),
    "dropout-left-on": Sample(build=dropout_left_on, data=normal(10), epochs=2),
    "batchnorm-training-inside": Sample(build=batchnorm_training_inside, data=normal(8)),
    "augmentation-on-call": Sample(build=augmentation_on_call, data=pictures(8, 8, 3)),
    "batch-mean-leak": Sample(build=batch_mean_leak, data=normal(12)),
    "attention-over-batch": Sample(build=attention_over_batch, data=normal(16)),
    "two-inputs": Sample(build=two_inputs, data=customer_rows, epochs=2),
    "subclassed": Sample(build=PriceModel, data=normal(9), epochs=2),
    "nested": Sample(build=nested, data=pictures(10, 10, 1), epochs=2),
    "ill-conditioned": Sample(build=ill_conditioned, data=normal(10)),
    "near-ties": Sample(build=near_ties, data=normal(24)),
    "mixed-precision": Sample(build=mixed_precision, data=normal(10), epochs=2),
    "untracked-state": Sample(build=untracked_state, data=normal(10)),
}


def make(name: str, into: Path) -> Path:
    """Build one sample into `into`/`name` and return that folder."""
    folder, sample = into / name, SAMPLES[name]
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())
    keras.utils.set_random_seed(seed)
    model, rows = sample.build(), sample.data(np.random.default_rng(seed))
    _train(model, rows, sample.epochs)
    model.save(folder / "model.keras")
    if isinstance(rows, dict):
        np.savez(folder / "data.npz", allow_pickle=False, **rows)
    else:
        np.save(folder / "data.npy", rows)
    return folder


def _train(model: Any, rows: Rows, epochs: int) -> None:
    """Fit a target that depends on the first input, for models whose initial weights would say nearly the same about every row."""
    first = next(iter(rows.values())) if isinstance(rows, dict) else rows
    target = (first.reshape(len(first), -1)[:, :3].sum(axis=1, keepdims=True) > first[0].mean()).astype("float32")
    if epochs:
        model.compile(keras.optimizers.Adam(0.02), "mse")
        model.fit(rows, target, epochs=epochs, batch_size=32, verbose=0)


def main(argv: list[str] | None = None) -> int:
    """Build the named samples, or all of them."""
    parser = argparse.ArgumentParser(description="Build the sample models, seeded.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="samples to build (default: all)")
    parser.add_argument("--into", type=Path, default=HERE, help="folder to build into (default: beside this script)")
    chosen = parser.parse_args(argv)
    unknown = sorted(set(chosen.names) - set(SAMPLES))
    if unknown:
        parser.error(f"no sample is called {', '.join(unknown)}; there are {', '.join(SAMPLES)}")
    for name in chosen.names or SAMPLES:
        print(make(name, chosen.into))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
