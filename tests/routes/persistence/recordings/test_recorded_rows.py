"""Recorded outputs that are those of the same rows, prepared differently."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.persistence.recordings.recorded_rows import describe_recorded_rows
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


WORDS = ["tram", "bus", "ferry", "walk", "bike", "metro"]


def reader(vocabulary: list[str] = WORDS) -> tuple[Any, dict[str, np.ndarray]]:
    keras.utils.set_random_seed(1)
    entry = keras.Input((1,), dtype="string", name="text")
    ids = layers.TextVectorization(vocabulary=vocabulary, output_sequence_length=6)(entry)
    pooled = layers.Flatten()(layers.Embedding(len(WORDS) + 2, 3)(ids))
    texts = [[" ".join(np.random.default_rng(at).choice(WORDS, 5))] for at in range(14)]
    return keras.Model(entry, layers.Dense(2)(pooled)), {"text": np.array(texts)}


def numbered() -> tuple[Any, dict[str, np.ndarray]]:
    entry = keras.Input((7,), dtype="int32", name="ids")
    pooled = layers.Flatten()(layers.Embedding(30, 3)(entry))
    ids = np.random.default_rng(2).integers(1, 25, (14, 7)).astype("int32")
    return keras.Model(entry, layers.Dense(2)(pooled)), {"ids": np.where(np.arange(7) < 5, ids, 0)}


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (sorted(WORDS), "alphabetical"),
        (sorted(WORDS, reverse=True), "reverse"),
        (WORDS[2:] + WORDS[:2], "in which"),
    ],
    ids=["sorted", "sorted in reverse", "any other order"],
)
def test_outputs_of_a_model_with_another_vocabulary_are_found(vocabulary: list[str], words: str) -> None:
    built = reader()
    other, rows = reader(vocabulary)
    other.set_weights(built[0].get_weights())
    session = session_of(built)
    ((name, _),) = session.step(rows).items()
    (answers,) = session_of((other, rows)).step(rows).values()
    recorded = {name: answers}
    found = describe_recorded_rows(session, rows, recorded, lambda _recorded, outputs: outputs)
    assert (words in found) if words else found == ""


@pytest.mark.parametrize(
    ("shift", "words"), [(1, "1 entry more"), (-1, "1 entry less"), (2, "2 entries more")]
)
def test_ids_from_another_start_are_found(shift: int, words: str) -> None:
    built = numbered()
    ids = built[1]["ids"]
    moved = np.where(ids == 0, 0, np.clip(ids + shift, 0, 29)).astype("int32")
    assert words in described(built, {"ids": moved})


@pytest.mark.parametrize("build", [pictures, series, triplet, numbered])
def test_outputs_of_other_rows_are_not_explained(build: Any) -> None:
    built = build()
    moved = {name: (values * np.float32(1.1)).astype(values.dtype) for name, values in built[1].items()}
    assert described(built, moved) == ""


def test_outputs_with_few_values_do_not_count() -> None:
    model, rows = pictures()
    session = session_of((model, rows))
    certain = np.eye(2, dtype="float32")[model.predict(rows["picture"] / 255, verbose=0).argmax(axis=1)]
    ((name, _),) = session.step(rows).items()
    assert describe_recorded_rows(session, rows, {name: certain}, lambda _recorded, outputs: outputs) == ""
