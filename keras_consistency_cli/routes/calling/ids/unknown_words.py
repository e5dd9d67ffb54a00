"""The route about words and categories: what the rows give to each vocabulary of the model.

A lookup layer takes a word that its vocabulary lacks for an unknown one, without an error. Words that differ
from those of the vocabulary in their spelling only, such as "Male " for "male", are distinguished from new
ones: each spelling is tried, and the one that makes nearly all of them known is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.loading.tables.spellings import Word, find_spelling
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import split_batches
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["WORDS_ROUTE", "UnknownWords"]

_VOCABULARIES = ("StringLookup", "IntegerLookup", "TextVectorization")
_SHOWN = 3


class UnknownWords(TypedDict, total=False):
    """The words that one vocabulary is given.

    `given` counts them, without padding, `unknown` those that it lacks. `spelling` names the spelling that
    makes them known, `becomes` is one word with it; both are missing if there is none. `words` and
    `vocabulary` are examples.
    """

    given: int
    unknown: int
    spelling: str
    becomes: str
    words: list[str]
    vocabulary: list[str]


def _examine_words(session: Session, rows: Rows) -> Result:
    """Compare the words that reach each vocabulary with its words."""
    details: dict[str, UnknownWords] = {}
    layers = _find_vocabularies(session.model)
    for table, words in _record_words(session, rows).items():
        if table in layers:
            details[table] = _compare(_split(words, layers[table]), layers[table])
    return Result(outputs={}, details=details)


def _find_vocabularies(model: Any) -> dict[str, Any]:
    """Return the layers that look words up by their path; an inverted one is given ids, and gives words."""
    import keras

    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    kinds = tuple(getattr(keras.layers, kind) for kind in _VOCABULARIES)
    layers = {path: layer for path, layer in walk_layers(model) if isinstance(layer, kinds)}
    return {path: layer for path, layer in layers.items() if not getattr(layer, "invert", False)}


def _record_words(session: Session, rows: Rows) -> dict[str, np.ndarray]:
    """Return all words that each vocabulary is given."""
    from keras_consistency_cli.loading.model.table_calls import recording_table_calls

    words: dict[str, list[np.ndarray]] = {}
    for batch in split_batches(rows, session.batch_size):
        session.restore()
        # Other routes report a model that does not run; what was looked up until then counts.
        with recording_table_calls(session.model, _VOCABULARIES) as recorded, suppress(Exception):
            session.call(batch, training=False)
        for call in recorded.calls:
            words.setdefault(call.table, []).append(call.values.ravel())
    return {table: np.concatenate(parts) for table, parts in words.items()}


def _split(texts: np.ndarray, layer: Any) -> np.ndarray:
    """Return the words of texts as a TextVectorization gives them; other values as they are."""
    split: Callable[[Any], Any] | None = getattr(layer, "_preprocess", None)
    if split is None:
        return texts
    words = split(texts)
    return np.asarray(words.to_tensor() if hasattr(words, "to_tensor") else words).ravel()


def _compare(values: np.ndarray, layer: Any) -> UnknownWords:
    vocabulary = layer.get_vocabulary(include_special_tokens=False)
    known = frozenset(map(_to_word, vocabulary))
    tokens = ("", *(getattr(layer, name, None) for name in ("mask_token", "oov_token")))
    special = {_to_word(token) for token in tokens if token is not None}
    words, counts = np.unique(values, return_counts=True)
    given = {_to_word(word): int(count) for word, count in zip(words, counts, strict=True)}
    given = {word: count for word, count in given.items() if word not in special}
    unknown = {word: count for word, count in given.items() if word not in known}
    details: UnknownWords = {
        "given": sum(given.values()),
        "unknown": sum(unknown.values()),
        "words": _list_examples(sorted(unknown, key=lambda word: -unknown[word])),
        "vocabulary": _list_examples(vocabulary),
    }
    spelling = find_spelling(unknown, known)
    return details if spelling is None else {**details, "spelling": spelling[0], "becomes": spelling[1]}


def _to_word(value: Any) -> Word:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else int(value)


def _list_examples(words: Iterable[Any]) -> list[str]:
    return [repr(word) for word in map(_to_word, list(words)[:_SHOWN])]


def _explain_no_vocabulary(facts: Facts) -> str | None:
    if any(layer.kind in _VOCABULARIES for layer in facts.layers):
        return None
    return "the model has no vocabulary"


WORDS_ROUTE = Route(
    name="words",
    summary="words and categories compared with the vocabularies that take them",
    run=_examine_words,
    unavailable=_explain_no_vocabulary,
)
