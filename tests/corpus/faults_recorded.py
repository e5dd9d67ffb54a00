"""Recorded outputs that the model's file may not give any more, and clean counterparts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from keras import layers

from tests.corpus.cases import CUSTOM, Case, save_rows
from tests.corpus.custom_layers import Offset, Table
from tests.corpus.hosts import HOSTS

__all__ = ["CASES"]

FAMILY = "recorded"
NAME = "adjust"

Changed = Callable[[np.ndarray], np.ndarray]


def _as_they_are(answers: np.ndarray) -> np.ndarray:
    return answers


def _one_row(answers: np.ndarray) -> np.ndarray:
    """One row a ten-thousandth larger."""
    answers = answers.copy()
    answers[len(answers) // 2] += 1e-4
    return answers


@dataclass
class Recording:
    """Builds a model, and records its outputs for `rows` of the data before it is saved."""

    host: str
    layer: Callable[[], Any]
    change: Changed = _as_they_are
    rows: Changed = _as_they_are
    after: Callable[[Any], None] | None = None
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model and change it as training would."""
        layer = self.layer()
        model = HOSTS[self.host].build(layer)
        if self.after is not None:
            self.after(layer)
        self.models[:] = [model]
        return model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows and the model's outputs for them."""
        rows = HOSTS[self.host].data(random)
        answers = self.models[0].predict(self.rows(rows), verbose=0)
        data, expected = (
            save_rows(folder / "data", rows),
            save_rows(folder / "expected", self.change(answers)),
        )
        return ("--data", str(data), "--expected", str(expected))


def _case(name: str, recording: Recording, **expected: Any) -> Case:
    return Case(
        name=f"{recording.host}, {name}",
        family=FAMILY,
        build=recording.build,
        kit=recording.kit,
        args=CUSTOM,
        **expected,
    )


def _trained(layer: Any) -> None:
    layer.table.assign(layer.table * 0.9)


def _mutated(layer: Any) -> None:
    layer.table = 1.1 * layer.table


def _plain() -> Any:
    return layers.Dense(8, activation="relu", name=NAME)


def _given_statistics(refreshed: bool) -> Changed:
    """Set a Normalization's statistics as weights.

    Without finalize_state() it computes with different ones until it is loaded.
    """

    def give(layer: Any) -> None:
        mean, variance, count = layer.get_weights()
        layer.set_weights([mean + 0.3, variance * 1.7, count])
        if refreshed:
            layer.finalize_state()

    return give


def _normalization() -> Any:
    return layers.Normalization(name=NAME)


def _offset(style: str) -> Callable[[], Any]:
    return lambda: Offset(0.7, style, name=NAME)


def _table(how: str) -> Callable[[], Any]:
    return lambda: Table(how, name=NAME)


LOSS, STATE, FORM, MOVED = (
    ("config-loses-arguments",),
    ("untracked-state",),
    ("recorded-in-other-form",),
    ("answers-moved",),
)
FAILING = ("KC802",)
QUIET = ("KC602", "KC801", "KC802")

CASES: tuple[Case, ...] = (
    _case("recorded as it is", Recording("perceptron", _plain), quiet=QUIET),
    _case("recorded as it is", Recording("forecaster", _plain), quiet=QUIET),
    _case(
        "recorded in double precision",
        Recording("regressor", _plain, lambda y: y.astype("float64")),
        quiet=QUIET,
    ),
    _case(
        "recorded in half precision",
        Recording("perceptron", _plain, lambda y: y.astype("float16")),
        quiet=QUIET,
    ),
    _case("recorded with four decimals", Recording("regressor", _plain, lambda y: y.round(4)), quiet=QUIET),
    _case(
        "recorded with six decimals", Recording("image-classifier", _plain, lambda y: y.round(6)), quiet=QUIET
    ),
    _case(
        "recorded with four decimals, a hundredth more",
        Recording("perceptron", _plain, lambda y: (y * np.float32(1.01)).round(4)),
        causes=(*FORM, *MOVED),
        failing=FAILING,
    ),
    _case("recorded, a weight", Recording("perceptron", _table("weight")), quiet=QUIET),
    _case("recorded, a config that tells all", Recording("regressor", _offset("whole")), quiet=QUIET),
    _case(
        "recorded, a config that forgets",
        Recording("perceptron", _offset("forgetful")),
        causes=LOSS,
        layer=NAME,
        failing=FAILING,
    ),
    _case(
        "recorded, a config that forgets",
        Recording("regressor", _offset("forgetful")),
        causes=LOSS,
        layer=NAME,
        failing=FAILING,
    ),
    _case(
        "recorded for channels in reverse order",
        Recording("image-classifier", _plain, rows=lambda x: x[..., ::-1]),
        causes=("recorded-from-other-rows",),
        failing=FAILING,
    ),
    _case(
        "recorded for pixels divided by 255",
        Recording("image-classifier", _plain, rows=lambda x: x / np.float32(255)),
        causes=("recorded-from-other-rows",),
        failing=FAILING,
    ),
    _case(
        "recorded for rows of another scale",
        Recording("image-classifier", _plain, rows=lambda x: x * np.float32(0.9)),
        causes=(*MOVED, *FORM),
        failing=FAILING,
    ),
    _case(
        "recorded, a variable",
        Recording("perceptron", _table("ones"), after=_trained),
        causes=STATE,
        layer=NAME,
        failing=FAILING,
    ),
    _case(
        "recorded, an attribute set later",
        Recording("regressor", _table("fixed"), after=_mutated),
        causes=MOVED,
        failing=FAILING,
    ),
    _case(
        "recorded, statistics set",
        Recording("perceptron", _normalization, after=_given_statistics(False)),
        causes=MOVED,
        failing=FAILING,
    ),
    _case(
        "recorded, statistics set and taken note of",
        Recording("perceptron", _normalization, after=_given_statistics(True)),
        quiet=QUIET,
    ),
    _case("recorded, one row", Recording("perceptron", _plain, _one_row), causes=MOVED, failing=FAILING),
    _case(
        "recorded, a hundred-thousandth more",
        Recording("regressor", _plain, lambda y: y * np.float32(1 + 1e-5)),
        failing=FAILING,
    ),
    _case(
        "recorded backwards", Recording("perceptron", _plain, lambda y: y[::-1]), causes=FORM, failing=FAILING
    ),
    _case(
        "recorded as class ids",
        Recording("image-classifier", _plain, lambda y: y.argmax(axis=-1)),
        causes=FORM,
        failing=FAILING,
    ),
    _case(
        "recorded, classes turned",
        Recording("image-classifier", _plain, lambda y: np.roll(y, 1, 1)),
        causes=FORM,
        failing=FAILING,
    ),
    _case(
        "recorded as logits",
        Recording("image-classifier", _plain, lambda y: np.log(y) + np.float32(1.7)),
        causes=FORM,
        failing=FAILING,
    ),
    _case(
        "recorded in percent",
        Recording("perceptron", _plain, lambda y: 100 * y),
        causes=FORM,
        failing=FAILING,
    ),
)
