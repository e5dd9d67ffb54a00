"""Outputs recorded with other weights of the same file, or for scaled rows without a scaler; and twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import Case, Maker, flat, save_rows, steps
from tests.corpus.reports_recorded_layers import OWN, Restless

__all__ = ["CASES", "KeptWeights", "ScaledRows", "tides"]

FAMILY, CLEAN = "reports-recorded", "clean-reports-recorded"
QUIET = ("KC801", "KC802")
Change = Callable[[np.ndarray], np.ndarray]


def _dense() -> Any:
    parts = [layers.Dense(14, activation="tanh"), layers.BatchNormalization(), layers.Dense(2)]
    return keras.Sequential([keras.Input((7,)), *parts])


def _recurrent() -> Any:
    return keras.Sequential([keras.Input((8, 3)), layers.GRU(9), layers.Dense(1, activation="sigmoid")])


@dataclass
class KeptWeights:
    """A model whose optimizer keeps averages of the weights, and outputs of one of the two sets.

    Args:
        network: creates the model.
        optimizer: creates the optimizer, with use_ema.
        data: creates the rows.
        recorded: the weights that the outputs are recorded with: averages or saved.
        saved: the weights that the model is saved with: averages (the others become the optimizer's), both
            (averages in both places), or last.
        change: rounds the recorded outputs.
    """

    network: Callable[[], Any]
    optimizer: Callable[[], Any]
    data: Maker
    recorded: str = "averages"
    saved: str = "last"
    change: Change = lambda outputs: outputs
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model and its optimizer, as some steps of training leave them."""
        model = self.network()
        model.compile(self.optimizer(), "mse")
        model.optimizer.build(model.trainable_variables)
        random = np.random.default_rng(4)
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        for average, weight in zip(
            inner._model_variables_moving_average, model.trainable_variables, strict=True
        ):
            average.assign(0.9 * np.asarray(weight) + random.normal(0, 0.05, weight.shape))
        self.models[:] = [model]
        return model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows and outputs, and bring the weights to their places."""
        (model,) = self.models
        rows, inner = self.data(random), getattr(model.optimizer, "inner_optimizer", model.optimizer)
        pairs = list(zip(inner._model_variables_moving_average, model.trainable_variables, strict=True))
        if self.saved == "averages":
            _swap(pairs)
        if self.saved == "both":
            model.optimizer.finalize_variable_values(model.trainable_variables)
        outputs = model.predict(rows, verbose=0)
        if self.recorded == "averages":
            _swap(pairs)
            outputs = model.predict(rows, verbose=0)
            _swap(pairs)
        expected = save_rows(folder / "expected", self.change(outputs))
        return ("--data", str(save_rows(folder / "data", rows)), "--expected", str(expected))


def _swap(pairs: list[tuple[Any, Any]]) -> None:
    for average, weight in pairs:
        values = np.array(weight)
        weight.assign(np.array(average))
        average.assign(values)


def tides(random: np.random.Generator, rows: int) -> np.ndarray:
    """Metres, hectopascals, knots and degrees: (rows, 4)."""
    spread = random.normal(size=(rows, 4)) * [1.4, 9.0, 6.0, 55.0]
    return np.asarray(spread + np.array([3.0, 1012.0, 14.0, 180.0]))


def _windows(random: np.random.Generator, rows: int) -> np.ndarray:
    return np.asarray(random.gamma(2.0, [30.0, 4.0], size=(rows, 6, 2)) + np.array([0.0, 20.0]))


@dataclass
class ScaledRows:
    """Raw rows, and the outputs of a model for rows that a scaler has scaled.

    Args:
        table: creates raw rows.
        scaler: creates the scaler; None records the outputs of the raw rows.
        network: creates the model.
        retrained: whether the outputs come from a model with other weights.
    """

    table: Callable[[np.random.Generator, int], np.ndarray]
    scaler: Callable[[], Any] | None
    network: Callable[[], Any]
    retrained: bool = False
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model."""
        self.models[:] = [self.network(), self.network()]
        return self.models[0]

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write raw rows and the recorded outputs."""
        rows, model = self.table(random, 90), self.models[int(self.retrained)]
        fed = rows
        if self.scaler is not None:
            known = self.table(np.random.default_rng(8), 500)
            scaler = self.scaler().fit(known.reshape(-1, known.shape[-1]))
            fed = scaler.transform(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape)
        expected = save_rows(folder / "expected", model.predict(fed, verbose=0))
        return ("--data", str(save_rows(folder / "data", rows)), "--expected", str(expected))


def _tide_model() -> Any:
    parts = [layers.Dense(20, activation="relu"), layers.Dense(12, activation="relu"), layers.Dense(1)]
    return keras.Sequential([keras.Input((4,)), *parts])


def _window_model() -> Any:
    parts = [layers.Conv1D(7, 3, activation="tanh"), layers.GlobalAveragePooling1D(), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 2)), *parts, layers.Softmax()])


def _normalizing_model() -> Any:
    normalize = layers.Normalization()
    normalize.adapt(tides(np.random.default_rng(8), 500))
    return keras.Sequential([keras.Input((4,)), normalize, layers.Dense(9, "tanh"), layers.Dense(1)])


def _adam(**options: Any) -> Any:
    return keras.optimizers.Adam(use_ema=True, **options)


def _scaled_loss() -> Any:
    return keras.optimizers.LossScaleOptimizer(_adam())


def _sgd() -> Any:
    return keras.optimizers.SGD(momentum=0.9, use_ema=True)


@dataclass
class _Restless:
    """A model that draws random numbers in each call, and one recording of it."""

    how: str
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        parts = [layers.Dense(16, activation="relu"), Restless(self.how, name="restless"), layers.Dense(2)]
        self.models[:] = [keras.Sequential([keras.Input((7,)), *parts])]
        return self.models[0]

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = flat(7)(random)
        outputs = [self.models[0].predict(rows, verbose=0) for _ in range(2)][-1]
        expected = save_rows(folder / "expected", outputs)
        return ("--data", str(save_rows(folder / "data", rows)), "--expected", str(expected))


def _fault(name: str, made: Any, cause: str, *args: str, layer: str | None = None) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=made.build,
        kit=made.kit,
        causes=(cause,),
        layer=layer,
        failing=("KC203",) if layer else ("KC802",),
        args=args,
    )


def _clean(name: str, made: Any) -> Case:
    return Case(name=name, family=CLEAN, build=made.build, kit=made.kit, quiet=QUIET)


AVERAGES, ROWS = "recorded-with-other-weights", "recorded-from-other-rows"
CASES: tuple[Case, ...] = (
    _fault("averages recorded, last weights saved", KeptWeights(_dense, _adam, flat(7)), AVERAGES),
    _fault(
        "last weights recorded, averages saved",
        KeptWeights(_recurrent, _sgd, steps(8, 3), saved="averages"),
        AVERAGES,
    ),
    _fault(
        "averages recorded with three decimals, behind a loss scale",
        KeptWeights(_dense, _scaled_loss, flat(7), change=lambda outputs: outputs.round(3)),
        AVERAGES,
    ),
    _fault(
        "outputs of another training, with averages in the file",
        KeptWeights(_dense, _adam, flat(7), change=lambda outputs: outputs * 1.1 + np.sin(outputs)),
        "answers-moved",
    ),
    _clean("averages recorded, and in the model", KeptWeights(_dense, _adam, flat(7), saved="both")),
    _clean(
        "last weights recorded and saved, with averages in the file",
        KeptWeights(_recurrent, _sgd, steps(8, 3), recorded="saved"),
    ),
    _fault("recorded for standardized tides", ScaledRows(tides, StandardScaler, _tide_model), ROWS),
    _fault("recorded for windows between 0 and 1", ScaledRows(_windows, MinMaxScaler, _window_model), ROWS),
    _fault(
        "recorded by another model of scaled tides",
        ScaledRows(tides, StandardScaler, _tide_model, retrained=True),
        "answers-moved",
    ),
    _clean("recorded for raw tides, which the model normalizes", ScaledRows(tides, None, _normalizing_model)),
    _fault("recorded with dropout on", _Restless("dropout"), "active-randomness", *OWN, layer="restless"),
    _fault("recorded with noise on", _Restless("noise"), "active-randomness", *OWN, layer="restless"),
)
