"""Recorded outputs that are those of the same rows, prepared differently."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.persistence.recorded_rows import describe_recorded_rows
from tests.helpers.live_models import session_of

RANDOM = np.random.default_rng(3)


def pictures() -> tuple[Any, dict[str, np.ndarray]]:
    entry = keras.Input((6, 6, 3), name="picture")
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(entry))
    rows = RANDOM.uniform(0, 255, size=(12, 6, 6, 3)) * np.array([1.0, 0.6, 0.3])
    return keras.Model(entry, layers.Dense(2)(pooled)), {"picture": rows.astype("float32")}


def triplet() -> tuple[Any, dict[str, np.ndarray]]:
    entries = [keras.Input((4,), name=name) for name in ("query", "right", "wrong")]
    joined = layers.Concatenate()(entries)
    outputs = [layers.Dense(1, name="score")(joined), layers.Dense(2, name="pair")(joined)]
    rows = {entry.name: RANDOM.normal(size=(12, 4)).astype("float32") for entry in entries}
    return keras.Model(entries, outputs), rows


def series() -> tuple[Any, dict[str, np.ndarray]]:
    entry = keras.Input((5, 2), name="window")
    rows = {"window": RANDOM.normal(size=(12, 5, 2)).astype("float32")}
    return keras.Model(entry, layers.Dense(1)(layers.GRU(3)(entry))), rows


def described(built: tuple[Any, dict[str, np.ndarray]], changed: dict[str, np.ndarray]) -> str:
    """What is said of the outputs for changed rows."""
    _, rows = built
    session = session_of(built)
    recorded = session.step({**rows, **changed})
    return describe_recorded_rows(session, rows, recorded, lambda _recorded, outputs: outputs)


@pytest.mark.parametrize(
    ("build", "change", "words"),
    [
        (pictures, lambda rows: {"picture": rows["picture"] / 255}, "divided by 255"),
        (pictures, lambda rows: {"picture": rows["picture"][..., ::-1]}, "channels in reverse"),
        (series, lambda rows: {"window": rows["window"][:, ::-1]}, "time steps in reverse"),
        (
            triplet,
            lambda rows: {"query": rows["right"], "right": rows["query"]},
            "'query' and 'right' exchanged",
        ),
        (
            triplet,
            lambda rows: {"query": rows["right"], "right": rows["wrong"], "wrong": rows["query"]},
            "'right', 'wrong', 'query' in the place of",
        ),
    ],
)
def test_changed_rows_are_found(build: Any, change: Any, words: str) -> None:
    built = build()
    assert words in described(built, change(built[1]))


@pytest.mark.parametrize("build", [pictures, series, triplet])
def test_outputs_of_other_rows_are_not_explained(build: Any) -> None:
    built = build()
    moved = {name: values * np.float32(1.1) for name, values in built[1].items()}
    assert described(built, moved) == ""


def test_outputs_with_few_values_do_not_count() -> None:
    model, rows = pictures()
    session = session_of((model, rows))
    certain = np.eye(2, dtype="float32")[model.predict(rows["picture"] / 255, verbose=0).argmax(axis=1)]
    ((name, _),) = session.step(rows).items()
    assert describe_recorded_rows(session, rows, {name: certain}, lambda _recorded, outputs: outputs) == ""
