"""Outputs recorded behind a function, in other places, in training mode, or for changed rows; and twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Maker, flat, save_rows, steps

__all__ = ["CASES", "Recorded"]

FAMILY, CLEAN = "reports-recordings", "clean-reports-recordings"
QUIET = ("KC801", "KC802")
FORM, ROWS, MODE = "recorded-in-other-form", "recorded-from-other-rows", "recorded-in-training-mode"
Change = Callable[[np.ndarray], np.ndarray]


def _predict(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(rows, verbose=0))


def _in_training(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model(rows, training=True))


def _in_training_by_batches(model: Any, rows: np.ndarray) -> np.ndarray:
    starts = range(0, len(rows), 32)
    return np.concatenate([_in_training(model, rows[start : start + 32]) for start in starts])


@dataclass
class Recorded:
    """A model, and its outputs for changed rows or changed after they were made.

    Args:
        network: creates the model.
        data: creates the rows.
        change: changes the outputs.
        rows: changes the rows.
        run: runs the model.
    """

    network: Callable[[], Any]
    data: Maker
    change: Change = lambda outputs: outputs
    rows: Change = lambda rows: rows
    run: Callable[[Any, np.ndarray], np.ndarray] = _predict
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model, with moving statistics of some training."""
        model = self.network()
        random = np.random.default_rng(6)
        for variable in model.non_trainable_variables:
            if "moving" in variable.name:
                variable.assign(np.abs(random.normal(0.6, 0.2, variable.shape)))
        self.models[:] = [model]
        return model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows and outputs."""
        rows, (model,) = self.data(random), self.models
        weights = model.get_weights()
        outputs = self.change(self.run(model, self.rows(rows)))
        model.set_weights(weights)
        expected = save_rows(folder / "expected", outputs)
        return ("--data", str(save_rows(folder / "data", rows)), "--expected", str(expected))


def _classifier() -> Any:
    parts = [layers.Dense(16, activation="relu"), layers.Dense(4, activation="softmax")]
    return keras.Sequential([keras.Input((8,)), *parts])


def _detector() -> Any:
    parts = [layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((8,)), *parts])


def _regressor() -> Any:
    bias = keras.initializers.Constant(5.0)
    parts = [layers.Dense(16, activation="relu"), layers.Dense(1, bias_initializer=bias)]
    return keras.Sequential([keras.Input((8,)), *parts])


def _tagger() -> Any:
    return keras.Sequential([keras.Input((12, 3)), layers.GRU(8, return_sequences=True), layers.Dense(1)])


def _viewer() -> Any:
    parts = [layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((12, 12, 3)), *parts])


def _normalizing() -> Any:
    parts = [layers.Dense(16), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)]
    return keras.Sequential([keras.Input((8,)), *parts])


def _dropping() -> Any:
    parts = [layers.Dense(32, activation="relu"), layers.Dropout(0.3), layers.Dense(2)]
    return keras.Sequential([keras.Input((8,)), *parts])


def _pictures(random: np.random.Generator) -> np.ndarray:
    return random.uniform(size=(48, 12, 12, 3)).astype(np.float32)


def _at_temperature(outputs: np.ndarray) -> np.ndarray:
    powers = outputs**0.4
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _by_platt(outputs: np.ndarray) -> np.ndarray:
    logits = np.log(outputs / (1.0 - outputs))
    return np.asarray(1.0 / (1.0 + np.exp(-(1.7 * logits - 0.4))))


def _last_batch_twice(outputs: np.ndarray) -> np.ndarray:
    count = len(outputs) % 32 or 32
    return np.concatenate([outputs[:-count], outputs[-2 * count : -count]])


def _one_edited(outputs: np.ndarray) -> np.ndarray:
    edited = outputs.copy()
    edited[17] += 1.0
    return edited


def _exchanged(rows: np.ndarray) -> np.ndarray:
    return rows[..., [3, 1, 2, 0, *range(4, rows.shape[-1])]]


def _fault(name: str, made: Recorded, cause: str) -> Case:
    return Case(name=name, family=FAMILY, build=made.build, kit=made.kit, causes=(cause,), failing=("KC802",))


def _clean(name: str, made: Recorded) -> Case:
    return Case(name=name, family=CLEAN, build=made.build, kit=made.kit, quiet=QUIET)


TABLE = flat(8, rows=80)
CASES: tuple[Case, ...] = (
    _fault("at another temperature", Recorded(_classifier, TABLE, _at_temperature), FORM),
    _fault("after Platt scaling", Recorded(_detector, TABLE, _by_platt), FORM),
    _fault("as one-hot classes", Recorded(_classifier, TABLE, lambda y: np.eye(4)[y.argmax(1)]), FORM),
    _fault("cut to a range", Recorded(_regressor, TABLE, lambda y: y.clip(4.6, 5.3)), FORM),
    _fault("in steps of a half", Recorded(_regressor, TABLE, lambda y: (y * 2).round() / 2), FORM),
    _fault(
        "as prices of scaled logarithms", Recorded(_regressor, TABLE, lambda y: np.expm1(0.4 * y + 3)), FORM
    ),
    _fault("the last batch twice", Recorded(_regressor, TABLE, _last_batch_twice), FORM),
    _fault("a time step late", Recorded(_tagger, steps(12, 3), lambda y: np.roll(y, 1, axis=1)), FORM),
    _fault("of mirrored pictures", Recorded(_viewer, _pictures, rows=lambda x: x[:, :, ::-1]), ROWS),
    _fault(
        "of pictures turned by a quarter",
        Recorded(_viewer, _pictures, rows=lambda x: np.rot90(x, 1, (1, 2))),
        ROWS,
    ),
    _fault("of exchanged columns", Recorded(_regressor, TABLE, rows=_exchanged), ROWS),
    _fault("with statistics of the batch", Recorded(_normalizing, TABLE, run=_in_training), MODE),
    _fault(
        "with statistics of batches of 32", Recorded(_normalizing, TABLE, run=_in_training_by_batches), MODE
    ),
    _fault("with dropout on", Recorded(_dropping, TABLE, run=_in_training), MODE),
    _fault("one row edited", Recorded(_regressor, TABLE, _one_edited), "answers-moved"),
    _fault(
        "of a function that is none of these",
        Recorded(_regressor, TABLE, lambda y: y + np.sin(3 * y)),
        "answers-moved",
    ),
    _clean("of batches and dropout, in inference", Recorded(_dropping, TABLE)),
    _clean("with statistics of training", Recorded(_normalizing, TABLE)),
    _clean("with two decimals", Recorded(_regressor, TABLE, lambda y: y.round(2))),
    _clean("of series as they are", Recorded(_tagger, steps(12, 3))),
)
