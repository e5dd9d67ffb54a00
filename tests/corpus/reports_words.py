"""Words and categories that a vocabulary knows in a different spelling only; and healthy twins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, Writer
from tests.corpus.kits import lay_out
from tests.corpus.reports_inputs import FAMILY

__all__ = ["CASES"]

Respell = Callable[[str], str]
CITIES = ("oslo", "bergen", "tromsø", "bodø")
CODES = tuple(f"{code:05d}" for code in range(101, 5000, 177))
WORDS = [
    *("good", "bad", "fine", "awful", "great", "plot", "actor", "scene"),
    *("music", "slow", "fast", "dull", "bright", "story", "ending"),
]


def lookup(vocabulary: Sequence[str]) -> Callable[[], Any]:
    """One category and two numbers."""

    def build() -> Any:
        place, numbers = keras.Input((1,), dtype="string", name="place"), keras.Input((2,), name="numbers")
        ids = layers.StringLookup(vocabulary=list(vocabulary), name="places")(place)
        table = layers.Flatten()(layers.Embedding(len(vocabulary) + 1, 4)(ids))
        hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([table, numbers]))
        return keras.Model([place, numbers], layers.Dense(1, name="price")(hidden))

    return build


def reader() -> Any:
    """Texts that are split but not standardized."""
    split = layers.TextVectorization(standardize=None, output_sequence_length=12, name="words")
    split.set_vocabulary(WORDS)
    text = keras.Input((1,), dtype="string", name="text")
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(len(WORDS) + 2, 4)(split(text)))
    return keras.Model(text, layers.Dense(1, activation="sigmoid", name="liked")(pooled))


def _places(values: Sequence[str], respell: Respell) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        places = np.array([[respell(value)] for value in random.choice(values, 90)])
        numbers = random.normal(size=(90, 2)).astype("float32")
        return lay_out(folder, data={"place": places, "numbers": numbers})

    return write


def _texts(words: Sequence[str], respell: Respell) -> Writer:
    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        sentences = [respell(" ".join(random.choice(words, 9))) for _ in range(80)]
        return lay_out(folder, data=np.array(sentences)[:, None])

    return write


def _fault(name: str, build: Callable[[], Any], kit: Writer, layer: str) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=build,
        kit=kit,
        failing=("KC501",),
        causes=("unknown-words",),
        layer=layer,
    )


def _clean(name: str, build: Callable[[], Any], kit: Writer) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, quiet=("KC501",))


NEW_WORDS = [*WORDS, *(f"name{number}" for number in range(25))]

CASES: tuple[Case, ...] = (
    _fault("categories with a capital", lookup(CITIES), _places(CITIES, lambda x: f"{x.title()} "), "places"),
    _fault("codes without leading zeros", lookup(CODES), _places(CODES, lambda x: x.lstrip("0")), "places"),
    _fault("texts in capitals", reader, _texts(WORDS, str.upper), "words"),
    _clean("categories as in training, some new", lookup(CITIES), _places((*CITIES, "Roma"), str)),
    _clean("codes as in training", lookup(CODES), _places(CODES, str)),
    _clean("texts of which most words are new", reader, _texts(NEW_WORDS, str)),
)
