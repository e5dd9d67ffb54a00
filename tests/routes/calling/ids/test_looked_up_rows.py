"""Served ids of a model that takes texts, compared with those of its own lookup; and healthy twins."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.rows.in_memory import open_live_rows
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.routes.served.served import SERVED_ROUTES
from keras_consistency_cli.routes.trace import Result
from tests.helpers.live_models import session_of

WORDS = ["tram", "bus", "ferry", "walk", "bike", "metro", "taxi", "plane"]
(SERVED,) = SERVED_ROUTES
Built = tuple[Any, dict[str, np.ndarray]]


def vectorizer(words: list[str] = WORDS, **settings: Any) -> Any:
    return layers.TextVectorization(vocabulary=words, **{"output_sequence_length": 6, **settings})


def numbered(layer: Any, texts: np.ndarray) -> np.ndarray:
    return np.asarray(layer(keras.ops.convert_to_tensor(texts.astype(object))))


def texts(most: int = 6) -> np.ndarray:
    random = np.random.default_rng(1)
    return np.array([[" ".join(random.choice(WORDS, random.integers(2, most + 1)))] for _ in range(60)])


def sentences(**settings: Any) -> Built:
    """A model of texts that numbers their words itself."""
    keras.utils.set_random_seed(1)
    entry = keras.Input((1,), dtype="string", name="text")
    ids = vectorizer(**settings)(entry)
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(len(WORDS) + 2, 4)(ids))
    return keras.Model(entry, layers.Dense(2)(pooled)), {"text": texts()}


def bags() -> Built:
    keras.utils.set_random_seed(1)
    entry = keras.Input((1,), dtype="string", name="text")
    layer = vectorizer(output_mode="multi_hot", output_sequence_length=None)
    return keras.Model(entry, layers.Dense(2)(layer(entry))), {"text": texts()}


def chain() -> Built:
    keras.utils.set_random_seed(1)
    parts = [layers.Embedding(len(WORDS) + 2, 4), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((1,), dtype="string", name="text"), vectorizer(), *parts]), {
        "text": texts()
    }


def table(unknown: int = 1) -> Built:
    """A category beside numbers."""
    keras.utils.set_random_seed(1)
    entries = [keras.Input((1,), dtype="string", name="stop"), keras.Input((2,), name="numbers")]
    ids = layers.StringLookup(vocabulary=WORDS, num_oov_indices=unknown)(entries[0])
    read = layers.Flatten()(layers.Embedding(len(WORDS) + 2, 3)(ids))
    random = np.random.default_rng(2)
    rows = {"stop": random.choice(WORDS, (60, 1)), "numbers": random.normal(size=(60, 2)).astype("float32")}
    return keras.Model(entries, layers.Dense(1)(layers.Concatenate()([read, entries[1]]))), rows


def run(built: Built, served: dict[str, np.ndarray]) -> Result:
    """Run the route of the served rows."""
    session = session_of(built)
    sources = {"data": open_live_rows(built[1], what="data"), "served": open_live_rows(served, what="served")}
    session.subject = Subject(
        files=SubjectFiles(model="", served="served"),
        model=built[0],
        facts=session.facts,
        in_memory=InMemoryInputs(rows=sources),
    )
    session.start_run(np.arange(60))
    return SERVED.run(session, built[1])


def kinds(result: Result, name: str) -> list[str]:
    assert not result.details["inputs"][name].get("misshapen")
    return [each["kind"].partition(":")[0] for each in result.details["inputs"][name]["mistakes"]]


@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
@pytest.mark.parametrize("build", [sentences, chain, bags])
def test_the_ids_of_the_models_own_lookup_are_right(build: Any, dtype: str) -> None:
    built = build()
    layer = next(each for each in built[0].layers if isinstance(each, layers.TextVectorization))
    result = run(built, {"text": numbered(layer, built[1]["text"]).astype(dtype)})
    assert kinds(result, "text") == []
    if build is bags:
        # Keras states another shape than the lookup gives.
        assert result.outputs == {}
        return
    expected = np.asarray(built[0](keras.ops.convert_to_tensor(built[1]["text"].astype(object))))
    np.testing.assert_allclose(next(iter(result.outputs.values())), expected, atol=1e-5)


@pytest.mark.parametrize("width", [6, 9])
def test_a_lookup_without_a_length_takes_any_padding(width: int) -> None:
    built = sentences(output_sequence_length=None)
    ids = numbered(vectorizer(output_sequence_length=width), built[1]["text"])
    assert kinds(run(built, {"text": ids}), "text") == []


@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_a_category_beside_numbers(unknown: int) -> None:
    built = table(unknown)
    right = numbered(layers.StringLookup(vocabulary=WORDS, num_oov_indices=unknown), built[1]["stop"])
    assert kinds(run(built, {**built[1], "stop": right}), "stop") == []
    mixed = layers.StringLookup(vocabulary=sorted(WORDS), num_oov_indices=unknown)
    other = numbered(mixed, built[1]["stop"])
    result = run(built, {**built[1], "stop": other})
    assert kinds(result, "stop") == ["relabelled"]
    assert kinds(result, "numbers") == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda right: numbered(vectorizer(sorted(WORDS)), texts()), "relabelled"),
        (lambda right: np.where(right == 0, 0, right + 1), "codes-shifted"),
        (lambda right: np.array([[*row[row == 0], *row[row != 0]] for row in right]), "padding-side"),
    ],
    ids=["another order", "another start", "padding before"],
)
def test_ids_of_another_vocabulary_are_named(change: Any, kind: str) -> None:
    built = sentences()
    assert kinds(run(built, {"text": change(numbered(vectorizer(), texts()))}), "text") == [kind]


def test_texts_are_compared_as_they_are() -> None:
    built = sentences()
    assert run(built, built[1]).details["inputs"]["text"] == {"misshapen": None}


def test_ids_of_another_length_are_refused() -> None:
    built = sentences()
    with pytest.raises(DataError):
        run(built, {"text": numbered(vectorizer(output_sequence_length=9), texts())})


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_numbers_in_place_of_the_same_texts_are_no_ids(dtype: str) -> None:
    keras.utils.set_random_seed(1)
    codes = [str(10100 + number) for number in range(8)]
    entry = keras.Input((1,), dtype="string", name="zip")
    ids = layers.StringLookup(vocabulary=codes)(entry)
    read = layers.Flatten()(layers.Embedding(len(codes) + 1, 3)(ids))
    rows = {"zip": np.random.default_rng(3).choice(codes, (60, 1))}
    result = run((keras.Model(entry, layers.Dense(1)(read)), rows), {"zip": rows["zip"].astype(dtype)})
    assert result.details["inputs"]["zip"]["misshapen"]
