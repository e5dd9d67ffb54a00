"""Build the model, rows and further files of each sample: `python sample_models/make_samples.py [NAME ...]`.

Every sample has a fixed seed. The expected.yaml in its folder states the result that kcheck must give.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
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
from sklearn.preprocessing import MinMaxScaler, StandardScaler

__all__ = ["SAMPLES", "Sample", "main", "make"]

HERE = Path(__file__).resolve().parent

Rows = np.ndarray | dict[str, np.ndarray]
Serving = Callable[[Any, np.ndarray], np.ndarray]
"""Returns the rows that serving passes to the model, for the saved scaler and raw rows."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A model and the rows to check it with; `data` gets a seeded random number generator."""

    build: Callable[[], Any]
    data: Callable[[np.random.Generator], Rows]
    epochs: int = 0
    """Epochs of training on an artificial target, so that outputs vary; 0 keeps the initial weights."""
    scaler: Callable[[], Any] | None = None
    """Makes scaler.pkl, fitted on different rows of the same kind; the model is trained on them, scaled."""
    serving: Serving | None = None
    """Makes served.npy, the rows that serving passed to the model for those of data.npy."""
    exported: Callable[[Any], Any] | None = None
    """Returns the model that is exported as a SavedModel into `exported/`."""
    facts: Mapping[str, Any] | None = None
    """Facts that only the owner of the model knows, written to kcheck.yaml."""


def normal(*shape: int, rows: int = 96) -> Callable[[np.random.Generator], Rows]:
    """Return a generator of standard normal float32 rows with this shape."""
    return lambda random: random.normal(size=(rows, *shape)).astype("float32")


def pictures(*shape: int, rows: int = 64) -> Callable[[np.random.Generator], Rows]:
    """Return a generator of float32 images, brighter towards one corner so that flips and rotations show."""
    slope = np.add.outer(np.linspace(0, 0.5, shape[0]), np.linspace(0, 0.3, shape[1]))[..., None]
    return lambda random: (slope + 0.2 * random.random(size=(rows, *shape))).astype("float32")


def customer_rows(random: np.random.Generator) -> Rows:
    """Return rows for the model with two inputs: eight numbers and three category ids below 12."""
    return {
        "numbers": random.normal(size=(96, 8)).astype("float32"),
        "categories": random.integers(0, 12, size=(96, 3), dtype="int32"),
    }


def machines(rows: int) -> Callable[[np.random.Generator], Rows]:
    """Return a generator of raw sensor rows with ten scales, from micrometres to pascals."""
    level, spread = np.geomspace(1e-3, 1e5, 10), np.linspace(0.05, 0.5, 10)
    return lambda random: level * (1 + spread * random.normal(size=(rows, 10)))


def with_saved_scaler(scaler: Any, rows: np.ndarray) -> np.ndarray:
    """Scale with transform() of the saved scaler, which is correct."""
    return np.asarray(scaler.transform(rows))


def without_scaler(scaler: Any, rows: np.ndarray) -> np.ndarray:
    """Return the raw rows: the scaler was forgotten."""
    return rows


def with_fit_transform(scaler: Any, rows: np.ndarray) -> np.ndarray:
    """Scale with fit_transform() in batches of 32 rows: each batch is scaled by its own statistics."""
    return np.concatenate(
        [type(scaler)().fit_transform(rows[start : start + 32]) for start in range(0, len(rows), 32)]
    )


def healthy_mlp() -> Any:
    """Return a 10-64-1 MLP with a sigmoid output."""
    return keras.Sequential(
        [keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )


def stateful_lstm() -> Any:
    """Return a stateful LSTM, which keeps its state from batch to batch, for batches of four rows."""
    recurrent = layers.LSTM(12, stateful=True, name="memory")
    return keras.Sequential([keras.Input((6, 3), batch_size=4), recurrent, layers.Dense(1)])


def dropout_left_on() -> Any:
    """Return a model with a Monte Carlo dropout layer that should have been removed."""
    dropout = MonteCarloDropout(0.3, seed=5, name="drop")
    return keras.Sequential(
        [keras.Input((10,)), layers.Dense(32, activation="relu"), dropout, layers.Dense(1)]
    )


def batchnorm_training_inside() -> Any:
    """Return a model with BatchNormalization in training mode inside a custom layer."""
    return keras.Sequential(
        [keras.Input((8,)), NormalisedDense(16, name="block"), layers.Dense(3, activation="softmax")]
    )


def augmentation_on_call() -> Any:
    """Return a model with augmentation layers, which are active in model(x) but not in predict."""
    augmentation = [layers.RandomFlip(seed=1, name="flip"), layers.RandomRotation(0.2, seed=2, name="turn")]
    head = [layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((8, 8, 3)), *augmentation, *head])


def batch_mean_leak() -> Any:
    """Return a model that adds a millionth of the batch's mean to every row."""
    parts = [
        layers.Dense(32, activation="tanh"),
        BatchLeak(1e-6, name="leak"),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ]
    return keras.Sequential([keras.Input((12,)), *parts])


def attention_over_batch() -> Any:
    """Return attention over inputs without a time axis: the rows of a batch attend to each other."""
    features = keras.Input((16,), name="features")
    mixed = layers.Attention(name="attention")([features, features])
    return keras.Model(features, layers.Dense(2, activation="softmax")(mixed))


def two_inputs() -> Any:
    """Return a model of numbers and category ids."""
    numbers, categories = (
        keras.Input((8,), name="numbers"),
        keras.Input((3,), dtype="int32", name="categories"),
    )
    embedded = layers.Flatten()(layers.Embedding(12, 4)(categories))
    hidden = layers.Dense(16, activation="relu")(layers.Concatenate()([numbers, embedded]))
    return keras.Model(
        {"numbers": numbers, "categories": categories}, layers.Dense(1, activation="sigmoid")(hidden)
    )


def nested() -> Any:
    """Return a model that contains a convolutional encoder as a nested model."""
    encoder = keras.Sequential(
        [keras.Input((10, 10, 1)), layers.Conv2D(6, 3), layers.BatchNormalization(), layers.ReLU()],
        name="encoder",
    )
    picture = keras.Input((10, 10, 1), name="picture")
    pooled = layers.GlobalAveragePooling2D()(encoder(picture))
    return keras.Model(picture, layers.Dense(4, activation="softmax")(layers.Dropout(0.3)(pooled)))


def untracked_state() -> Any:
    """Return a model with a random projection whose numbers are not saved."""
    return keras.Sequential(
        [keras.Input((10,)), RandomProjection(16, name="projection"), layers.Dense(1, activation="sigmoid")]
    )


def window_forecast() -> Any:
    """Return an LSTM for windows of 20 time steps; a Sequential model does not check that length."""
    return keras.Sequential([keras.Input((20, 5)), layers.LSTM(12, name="memory"), layers.Dense(1)])


def stream(*, batch: int | None) -> Any:
    """Return a GRU with an output for every time step; with a batch size it is stateful."""
    recurrent = layers.GRU(8, return_sequences=True, stateful=batch is not None, name="memory")
    return keras.Sequential([keras.Input((None, 3), batch_size=batch), recurrent, layers.Dense(2)])


def masked_series(*, filtered: bool) -> Any:
    """Return an LSTM over masked series of any length; with a convolution in between, the mask is lost."""
    between = [layers.Conv1D(8, 3, padding="same", name="filter")] if filtered else []
    return keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.Masking(name="masking"),
            *between,
            layers.LSTM(8, name="memory"),
            layers.Dense(1),
        ]
    )


def filled_series(random: np.random.Generator) -> Rows:
    """Return series of 4 to 12 time steps, padded with zeros."""
    lengths = random.integers(4, 13, size=(64, 1, 1))
    return np.where(np.arange(12)[None, :, None] < lengths, random.normal(size=(64, 12, 3)), 0.0).astype(
        "float32"
    )


def ill_conditioned() -> Any:
    """Return a model of 60 layers with large weights, so that each layer amplifies rounding errors."""
    large = keras.initializers.RandomNormal(stddev=2.5 / 8)
    deep = [layers.Dense(64, activation="tanh", kernel_initializer=large) for _ in range(60)]
    return keras.Sequential([keras.Input((10,)), *deep, layers.Dense(1)])


def near_ties() -> Any:
    """Return a softmax over classes, two of which have almost the same weights."""
    model = keras.Sequential([keras.Input((24,)), layers.Dense(4, activation="softmax", name="classes")])
    kernel = np.random.default_rng(4).normal(size=(24, 4))
    kernel[:, 1] = kernel[:, 0] + 2e-6 * kernel[:, 2]
    model.layers[0].set_weights([kernel.astype("float32"), np.zeros(4, "float32")])
    return model


def mixed_precision() -> Any:
    """Return an MLP in mixed_float16 with a last layer in float32, as recommended."""
    hidden = [layers.Dense(32, activation="relu", dtype="mixed_float16") for _ in range(2)]
    return keras.Sequential(
        [keras.Input((10,)), *hidden, layers.Dense(1, activation="sigmoid", dtype="float32")]
    )


def trained_differently(model: Any) -> Any:
    """The same model after a training run from other initial weights."""
    other = keras.models.clone_model(model)
    _train(other, *_other_rows(model), epochs=3)
    return other


def _other_rows(model: Any) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(99).normal(size=(96, *model.input_shape[1:])).astype("float32")
    return rows, _target(rows)


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
    "scaled-alike": Sample(
        build=healthy_mlp, data=machines(160), epochs=30, scaler=MinMaxScaler, serving=with_saved_scaler
    ),
    "scaler-missing": Sample(
        build=healthy_mlp, data=machines(160), epochs=30, scaler=MinMaxScaler, serving=without_scaler
    ),
    "scaler-refitted": Sample(
        build=healthy_mlp, data=machines(160), epochs=30, scaler=StandardScaler, serving=with_fit_transform
    ),
    "window-forecast": Sample(build=window_forecast, data=normal(20, 5)),
    "window-of-one-step": Sample(build=window_forecast, data=normal(1, 5)),
    "stream-carries": Sample(
        build=lambda: stream(batch=1),
        data=normal(12, 3, rows=40),
        facts={"step_by_step": "one-step", "stateful_rows": "consecutive"},
    ),
    "stream-forgets": Sample(
        build=lambda: stream(batch=None), data=normal(12, 3, rows=40), facts={"step_by_step": "one-step"}
    ),
    "masked-series": Sample(build=lambda: masked_series(filtered=False), data=filled_series),
    "mask-lost": Sample(build=lambda: masked_series(filtered=True), data=filled_series),
    "ill-conditioned": Sample(build=ill_conditioned, data=normal(10)),
    "near-ties": Sample(build=near_ties, data=normal(24)),
    "mixed-precision": Sample(build=mixed_precision, data=normal(10), epochs=2),
    "untracked-state": Sample(build=untracked_state, data=normal(10)),
    "export-stale": Sample(build=healthy_mlp, data=normal(10), epochs=3, exported=trained_differently),
    "export-augments": Sample(
        build=augmentation_on_call, data=pictures(8, 8, 3), exported=lambda model: model
    ),
}


def make(name: str, into: Path) -> Path:
    """Build one sample into `into`/`name` and return that folder."""
    folder, sample = into / name, SAMPLES[name]
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())
    keras.utils.set_random_seed(seed)
    model, rows = sample.build(), sample.data(np.random.default_rng(seed))
    if sample.scaler is None:
        _train(model, rows, _target(rows), sample.epochs)
    else:
        _scale(folder, sample, model, rows)
    model.save(folder / "model.keras")
    if sample.exported is not None:
        sample.exported(model).export(str(folder / "exported"), format="tf_saved_model", verbose=False)
    if sample.facts:
        # JSON is valid YAML.
        (folder / "kcheck.yaml").write_text(json.dumps({"facts": dict(sample.facts)}), encoding="utf-8")
    if isinstance(rows, dict):
        np.savez(folder / "data.npz", allow_pickle=False, **rows)
    else:
        np.save(folder / "data.npy", rows)
    return folder


def _scale(folder: Path, sample: Sample, model: Any, rows: Rows) -> None:
    """Train on scaled rows, and write the scaler and the served rows into the folder."""
    assert sample.scaler
    assert sample.serving
    fitted_rows, scaler = sample.data(np.random.default_rng(len(rows))), sample.scaler()
    scaled = scaler.fit_transform(fitted_rows)
    sums = scaled[:, :3].sum(axis=1, keepdims=True)
    _train(model, scaled, (sums > np.median(sums)).astype("float32"), sample.epochs)
    (folder / "scaler.pkl").write_bytes(pickle.dumps(scaler))
    np.save(folder / "served.npy", sample.serving(scaler, np.asarray(rows)))


def _target(rows: Rows) -> np.ndarray:
    """Return a target that depends on the first input, because initial weights give almost equal outputs."""
    first = next(iter(rows.values())) if isinstance(rows, dict) else rows
    return (first.reshape(len(first), -1)[:, :3].sum(axis=1, keepdims=True) > first[0].mean()).astype(
        "float32"
    )


def _train(model: Any, rows: Rows, target: np.ndarray, epochs: int) -> None:
    if epochs:
        model.compile(keras.optimizers.Adam(0.02), "mse")
        model.fit(rows, target, epochs=epochs, batch_size=32, verbose=0)


def main(argv: list[str] | None = None) -> int:
    """Build the named samples, or all of them."""
    parser = argparse.ArgumentParser(description="Build the sample models with fixed seeds.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="samples to build (default: all)")
    parser.add_argument(
        "--into", type=Path, default=HERE, help="folder to build into (default: the folder of this script)"
    )
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - set(SAMPLES))
    if unknown:
        parser.error(f"unknown sample: {', '.join(unknown)}; choose from {', '.join(SAMPLES)}")
    for name in options.names or SAMPLES:
        print(make(name, options.into))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
