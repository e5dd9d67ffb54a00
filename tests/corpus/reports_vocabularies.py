"""Outputs that were recorded when words had other ids: the vocabulary was built again; and healthy twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.corpus.cases import Case, save_rows

__all__ = ["CASES"]

FAMILY, CLEAN = "reports-vocabularies", "clean-reports-vocabularies"
WORDS = ("tram", "bus", "ferry", "walk", "bike", "metro", "taxi", "plane")
MIXED = ("ferry", "plane", "tram", "metro", "walk", "taxi", "bus", "bike")
LENGTH, ROWS = 7, 60
Array = np.ndarray
Change = Callable[[Array], Array]


def _texts(random: np.random.Generator) -> Array:
    return np.array([[" ".join(random.choice(WORDS, LENGTH - 1))] for _ in range(ROWS)])


def _stops(random: np.random.Generator) -> Array:
    return random.choice(WORDS, (ROWS, LENGTH))


def _stop(random: np.random.Generator) -> Array:
    return random.choice(WORDS, (ROWS, 1))


def _ids(random: np.random.Generator) -> Array:
    ids, lengths = random.integers(1, 28, (ROWS, LENGTH)), random.integers(3, LENGTH + 1, (ROWS, 1))
    return np.where(np.arange(LENGTH) < lengths, ids, 0).astype("int32")


def _read(entry: Any, ids: Any, size: int) -> Any:
    hidden = layers.GRU(4)(layers.Embedding(size, 5, mask_zero=True)(ids))
    return keras.Model(entry, layers.Dense(2, name="score")(hidden))


def _sentences(words: tuple[str, ...] = WORDS) -> Any:
    entry = keras.Input((1,), dtype="string", name="text")
    ids = layers.TextVectorization(vocabulary=list(words), output_sequence_length=LENGTH)(entry)
    return _read(entry, ids, len(WORDS) + 2)


def _lookup(words: tuple[str, ...] = WORDS) -> Any:
    entry = keras.Input((LENGTH,), dtype="string", name="stops")
    return _read(entry, layers.StringLookup(vocabulary=list(words))(entry), len(WORDS) + 1)


def _single(words: tuple[str, ...] = WORDS) -> Any:
    entry = keras.Input((1,), dtype="string", name="stop")
    return _read(entry, layers.StringLookup(vocabulary=list(words))(entry), len(WORDS) + 1)


def _numbers() -> Any:
    entry = keras.Input((LENGTH,), dtype="int32", name="ids")
    return _read(entry, entry, 32)


@dataclass
class Recording:
    """Builds a model, and records what a model with another vocabulary, or for other ids, gives."""

    make: Callable[[], Any]
    rows: Callable[[np.random.Generator], Array]
    other: Callable[[], Any] | None = None
    change: Change = np.asarray
    models: list[Any] = field(default_factory=list)

    def build(self) -> Any:
        """Build the model, and keep it to record its outputs."""
        self.models[:] = [self.make()]
        return self.models[0]

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows, and the outputs of the same weights."""
        rows, model = self.rows(random), self.models[0]
        if self.other is not None:
            model = self.other()
            model.set_weights(self.models[0].get_weights())
        fed = self.change(rows)
        answers = np.asarray(
            model(keras.ops.convert_to_tensor(fed) if fed.dtype.kind in "iu" else _text(fed))
        )
        data, expected = save_rows(folder / "data", rows), save_rows(folder / "expected", answers)
        return "--data", str(data), "--expected", str(expected)


@dataclass
class Served:
    """Serves the ids that a lookup outside of the model gives."""

    make: Callable[[], Any]
    rows: Callable[[np.random.Generator], Array]
    lookup: Callable[[], Any]

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        """Write rows of texts, and their ids."""
        rows = self.rows(random)
        data = save_rows(folder / "data", rows)
        served = save_rows(folder / "served", np.asarray(self.lookup()(_text(rows))))
        return "--data", str(data), "--served", str(served)


def _text(rows: Array) -> Any:
    import tensorflow as tf

    return tf.constant(rows)


def _one_more(ids: Array) -> Array:
    return np.where(ids == 0, 0, ids + 1).astype("int32")


def _doubled(ids: Array) -> Array:
    return np.where(ids == 0, 0, ids * 5 % 29 + 1).astype("int32")


def _fault(name: str, recording: Recording, cause: str = "recorded-from-other-rows") -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=recording.build,
        kit=recording.kit,
        failing=("KC802",),
        causes=(cause,),
    )


def _fault_served(name: str, served: Served) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=served.make,
        kit=served.kit,
        failing=("KC301",),
        causes=("codes-refit",),
    )


def _clean_served(name: str, served: Served) -> Case:
    return Case(name=name, family=CLEAN, build=served.make, kit=served.kit, quiet=("KC301", "KC501"))


def _tokenizer(words: tuple[str, ...] = WORDS) -> Any:
    return layers.TextVectorization(vocabulary=list(words), output_sequence_length=LENGTH)


def _clean(name: str, recording: Recording) -> Case:
    return Case(name=name, family=CLEAN, build=recording.build, kit=recording.kit, quiet=("KC802",))


def _sorted_words() -> tuple[str, ...]:
    return tuple(sorted(WORDS))


CASES: tuple[Case, ...] = (
    _fault(
        "recorded with the words in alphabetical order",
        Recording(_sentences, _texts, lambda: _sentences(_sorted_words())),
    ),
    _fault("recorded with sorted stops", Recording(_lookup, _stops, lambda: _lookup(_sorted_words()))),
    _fault("recorded with an id more for unknown words", Recording(_numbers, _ids, change=_one_more)),
    _fault(
        "recorded with ids in any other order", Recording(_numbers, _ids, change=_doubled), "answers-moved"
    ),
    _fault("recorded with a stop in any other order", Recording(_single, _stop, lambda: _single(MIXED))),
    _fault(
        "recorded with the words in any other order", Recording(_sentences, _texts, lambda: _sentences(MIXED))
    ),
    _fault_served(
        "ids of sorted words served to a model of texts",
        Served(_sentences, _texts, lambda: _tokenizer(_sorted_words())),
    ),
    _fault_served(
        "ids of mixed stops served to a model of texts",
        Served(_lookup, _stops, lambda: layers.StringLookup(vocabulary=list(MIXED))),
    ),
    _clean_served("ids of its own words served to a model of texts", Served(_sentences, _texts, _tokenizer)),
    _clean_served(
        "ids of its own stops served to a model of texts",
        Served(_lookup, _stops, lambda: layers.StringLookup(vocabulary=list(WORDS))),
    ),
    _clean("recorded with the words of the model", Recording(_sentences, _texts)),
    _clean("recorded with the stops of the model", Recording(_lookup, _stops)),
    _clean("recorded with the ids of the model", Recording(_numbers, _ids)),
    _clean("recorded with the stop of the model", Recording(_single, _stop)),
)
