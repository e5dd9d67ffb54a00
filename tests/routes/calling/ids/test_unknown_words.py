"""The words that reach each vocabulary, recorded on live models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.ids.unknown_words import WORDS_ROUTE
from tests.helpers.live_models import session_of

WORDS = ["00012", "alpha", "São Paulo", "New York"]


def lookup(**options: Any) -> Any:
    layer = layers.StringLookup(vocabulary=WORDS, name="places", **options)
    inputs = keras.Input((2,), dtype="string", name="x")
    return keras.Model(inputs, layers.Flatten()(layers.Embedding(9, 2)(layer(inputs))))


def reader() -> Any:
    split = layers.TextVectorization(output_sequence_length=5, name="words")
    split.set_vocabulary(["good", "bad"])
    inputs = keras.Input((1,), dtype="string", name="x")
    return keras.Model(inputs, layers.Flatten()(layers.Embedding(9, 2)(split(inputs))))


def run(model: Any, rows: list[list[Any]]) -> Any:
    details = WORDS_ROUTE.run(session_of((model, {})), {"x": np.array(rows)}).details
    return next(iter(details.values()))


SPELLINGS = {
    " alpha": "strip",
    "ALPHA": "lower",
    "new york ": "title",
    "alpha.0": "whole",
    "12": "zeros",
    "12.0": "zeros",
    "b'alpha'": "quotes",
    "n/a": None,
}


@pytest.mark.parametrize(("word", "spelling"), SPELLINGS.items())
def test_a_different_spelling_is_found(word: str, spelling: str | None) -> None:
    found = run(lookup(), [[word, "alpha"], [word, "alpha"]])
    assert (found["given"], found["unknown"], found.get("spelling")) == (4, 2, spelling)


def test_padding_and_unknown_words_are_not_counted() -> None:
    found = run(lookup(mask_token="-"), [["", "[UNK]"], ["-", "alpha"]])
    assert (found["given"], found["unknown"]) == (1, 0)


@pytest.mark.parametrize("kind", [layers.StringLookup, layers.IntegerLookup])
def test_a_lookup_that_gives_the_words_of_ids_is_left_out(kind: Any) -> None:
    inputs = keras.Input((2,), dtype="int64", name="x")
    words = ["cat", "dog"] if kind is layers.StringLookup else [70, 80]
    model = keras.Model(inputs, kind(vocabulary=words, invert=True)(inputs))
    assert WORDS_ROUTE.run(session_of((model, {})), {"x": np.array([[1, 2], [0, 1]])}).details == {}


def test_most_words_must_become_known() -> None:
    assert "spelling" not in run(lookup(), [["ALPHA", "beta"], ["gamma", "delta"]])


def test_texts_are_split_as_the_layer_does() -> None:
    found = run(reader(), [["Good, bad and UGLY!"], ["good"]])
    assert (found["given"], found["unknown"], found["words"]) == (5, 2, ["'and'", "'ugly'"])


def test_whole_numbers_have_no_spelling() -> None:
    layer = layers.IntegerLookup(vocabulary=[101, 102], name="stores")
    inputs = keras.Input((2,), dtype="int64", name="x")
    model = keras.Model(inputs, layers.Flatten()(layers.Embedding(9, 2)(layer(inputs))))
    found = run(model, [[1, 2], [101, 102]])
    assert (found["given"], found["unknown"], "spelling" in found) == (4, 2, False)
