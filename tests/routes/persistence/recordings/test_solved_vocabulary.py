"""Recorded outputs of a vocabulary in any order, or of one that was built from rows; and healthy twins."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.rows.in_memory import open_live_rows
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.routes.persistence.recordings.recorded_rows import describe_recorded_rows
from tests.helpers.live_models import session_of

CITIES = [f"city{number}" for number in range(30)]
SIZES = ["small", "medium", "large", "huge", "tiny", "none"]
NOUNS = [f"noun{number}" for number in range(12)]
Built = tuple[Any, dict[str, np.ndarray]]


def table(cities: list[str] = CITIES, sizes: list[str] = SIZES, seed: int = 1) -> Built:
    """Two categories and a number."""
    keras.utils.set_random_seed(seed)
    entries = [keras.Input((1,), dtype="string", name=name) for name in ("city", "size")]
    number = keras.Input((1,), name="number")
    read = [
        layers.Flatten()(layers.Embedding(len(words) + 1, 3)(layers.StringLookup(vocabulary=words)(entry)))
        for entry, words in zip(entries, (cities, sizes), strict=True)
    ]
    joined = layers.Dense(4, activation="tanh")(layers.Concatenate()([*read, number]))
    random = np.random.default_rng(5)
    rows = {
        "city": random.choice(CITIES, (40, 1)),
        "size": random.choice(SIZES, (40, 1)),
        "number": random.normal(size=(40, 1)).astype("float32"),
    }
    return keras.Model([*entries, number], layers.Dense(1)(joined)), rows


def category(words: list[str] = SIZES, seed: int = 1, unknown: int = 1) -> Built:
    """One category, so that few rows differ."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input((1,), dtype="string", name="size")
    ids = layers.StringLookup(vocabulary=words, num_oov_indices=unknown)(entry)
    read = layers.Flatten()(layers.Embedding(len(words) + 1, 3)(ids))
    rows = np.random.default_rng(6).choice(SIZES, (40, 1))
    return keras.Model(entry, layers.Dense(1)(read)), {"size": rows}


def titles(words: list[str] = NOUNS, seed: int = 1) -> Built:
    """Short texts, read in any order of their words."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input((1,), dtype="string", name="text")
    ids = layers.TextVectorization(vocabulary=words, output_sequence_length=4)(entry)
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(len(words) + 2, 4)(ids))
    random = np.random.default_rng(7)
    texts = [[" ".join(random.choice(NOUNS, random.integers(1, 4)))] for _ in range(40)]
    return keras.Model(entry, layers.Dense(2)(layers.Dense(5, "tanh")(pooled))), {"text": np.array(texts)}


def reviews(words: list[str] = CITIES, seed: int = 1) -> Built:
    """Long texts of a vocabulary, some words of which are frequent."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input((1,), dtype="string", name="text")
    ids = layers.TextVectorization(vocabulary=words, output_sequence_length=20)(entry)
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(len(CITIES) + 2, 4)(ids))
    random = np.random.default_rng(8)
    share = 1 / np.arange(1, len(CITIES) + 1)
    chosen = [random.choice(CITIES[::-1], 18, p=share / share.sum()) for _ in range(40)]
    return keras.Model(entry, layers.Dense(2)(pooled)), {
        "text": np.array([[" ".join(each)] for each in chosen])
    }


def numbered(seed: int = 1) -> Built:
    """One to four ids in a row, with padding."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input((4,), dtype="int32", name="ids")
    hidden = layers.GRU(3)(layers.Embedding(20, 3, mask_zero=True)(entry))
    random = np.random.default_rng(9)
    ids, lengths = random.integers(1, 20, (40, 4)), random.integers(1, 5, (40, 1))
    return keras.Model(entry, layers.Dense(2)(hidden)), {
        "ids": np.where(np.arange(4) < lengths, ids, 0).astype("int32")
    }


def described(built: Built, other: Built) -> str:
    """What is said of the outputs that another model recorded for the same rows."""
    session = session_of(built)
    data = open_live_rows(built[1], what="data")
    in_memory = InMemoryInputs(rows={"data": data})
    session.subject = Subject(
        files=SubjectFiles(model=""), model=built[0], facts=session.facts, in_memory=in_memory
    )
    names = session.step(built[1])
    answers = session_of(other).step(other[1]).values()
    recorded = dict(zip(names, answers, strict=True))
    return describe_recorded_rows(session, built[1], recorded, lambda _recorded, outputs: outputs)


def with_weights(other: Built, built: Built) -> Built:
    """The other model with the weights of this one."""
    other[0].set_weights(built[0].get_weights())
    return other


def shuffled(words: list[str]) -> list[str]:
    return np.random.default_rng(10).permutation(words).tolist()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (table, (shuffled(CITIES), shuffled(SIZES))),
        (table, (CITIES, shuffled(SIZES))),
        (category, (shuffled(SIZES),)),
        (titles, (shuffled(NOUNS),)),
    ],
    ids=["two columns", "one of two columns", "few categories", "short texts"],
)
def test_words_in_any_order_are_found(build: Any, words: tuple[list[str], ...]) -> None:
    built = build()
    found = described(built, with_weights(build(*words), built))
    assert found.startswith("another vocabulary, in which '")


def test_a_lookup_that_refuses_unknown_words_is_no_crash() -> None:
    built = category(unknown=0)
    other = with_weights(category(shuffled(SIZES), unknown=0), built)
    assert "in which" in described(built, other)
    assert described(built, category(seed=2, unknown=0)) == ""


def test_ids_in_any_order_are_found() -> None:
    built = numbered()
    ids = built[1]["ids"]
    other = {"ids": np.where(ids == 0, 0, ids * 7 % 19 + 1).astype("int32")}
    assert "in which" in described(built, (built[0], other))


ROWS = Counter(str(reviews()[1]["text"].ravel().tolist()).translate(str.maketrans("[]',", "    ")).split())


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (sorted(ROWS, key=lambda word: (ROWS[word], word), reverse=True), "adapted on these rows"),
        ([word for word, _ in ROWS.most_common()], "Tokenizer"),
        (list(ROWS), "these rows have them first"),
    ],
    ids=["adapted", "a Tokenizer", "in order of occurrence"],
)
def test_a_vocabulary_that_was_built_from_the_rows_is_found(order: list[str], words: str) -> None:
    built = reviews()
    left = [word for word in CITIES if word not in order]
    assert words in described(built, with_weights(reviews([*order, *left]), built))


@pytest.mark.parametrize("build", [table, category, titles, reviews, numbered])
def test_outputs_of_other_weights_are_no_other_vocabulary(build: Any) -> None:
    assert described(build(), build(seed=2)) == ""


def test_long_texts_in_any_order_are_not_searched_for() -> None:
    built = reviews()
    assert described(built, with_weights(reviews(shuffled(CITIES)), built)) == ""
