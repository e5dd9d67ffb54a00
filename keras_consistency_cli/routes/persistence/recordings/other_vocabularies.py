"""Rows as another vocabulary would number them, for recorded outputs that may be those of a different one.

A vocabulary that was rebuilt has the same words in another order, or one more or one less entry for padding
and for unknown words; or it was built from the rows themselves. The model keeps its own: each word is
replaced by the one whose id it would have there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_text
from keras_consistency_cli.routes.persistence.recordings.symbols import (
    UNKNOWN,
    Space,
    Symbol,
    find_spaces,
    replace_words,
)
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["VOCABULARY", "generate_relabelled"]

VOCABULARY = "another vocabulary"
"""Begins the description of rows that another vocabulary numbers."""
_KINDS = ("StringLookup", "TextVectorization")
_ORDERS = {
    "with its words in alphabetical order": False,
    "with its words in the reverse of the alphabetical order": True,
}
"""Another order of the words, and whether it is the reverse one."""
_SHIFTS = (1, -1, 2, -2)
_FEWEST = 3
_MOST_TEXTS = 20_000
"""Rows of a file that a vocabulary of their words is built from."""
_Count = Mapping[str, int]


def _sort_as_adapt(counts: _Count) -> list[str]:
    """Return the words as adapt() of a layer sorts them; of equally frequent ones, the last comes first."""
    return sorted(counts, key=lambda word: (counts[word], word), reverse=True)


_REBUILT: Mapping[str, Callable[[_Count], list[str]]] = {
    "adapted on {rows}": _sort_as_adapt,
    "with its words as often as {rows} have them, like that of a Tokenizer": lambda counts: sorted(
        counts, key=lambda word: -counts[word]
    ),
    "with its words as {rows} have them first": list,
    "with the words of {rows} in alphabetical order": sorted,
}
"""By how a vocabulary was built from rows: the words in its order; counts are in order of occurrence."""


def generate_relabelled(session: Session, batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield the rows of words and ids as other vocabularies number them, with a description."""
    texts = {name: values for name, values in batch.items() if is_text(values.dtype)}
    if texts:
        for words, mapping in _list_mappings(session.model):
            yield f"{VOCABULARY}, {words}", {**batch, **_replace_all(texts, mapping)}
        yield from _rebuild(session, batch)
    yield from _shift_ids(session, batch)


def _rebuild(session: Session, batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield the rows as vocabularies number them that were built from the words of a file."""
    spaces = {name: space for name, space in find_spaces(session, batch).items() if space.unknown is not None}
    for rows, read in _list_files(session) if spaces else ():
        files = {
            name: space.of(values) for name, space in spaces.items() if (values := read.get(name)) is not None
        }
        counts = {
            name: Counter(str(word) for row in range(len(own.values)) for word in own.read(row))
            for name, own in files.items()
        }
        for words, order in _REBUILT.items():
            found = {name: _pair(order(each), spaces[name]) for name, each in counts.items()}
            changed = {name: spaces[name].replace_all(mapping) for name, mapping in found.items()}
            yield f"{VOCABULARY}, {words.format(rows=rows)}", {**batch, **changed}


def _list_files(session: Session) -> Iterator[tuple[str, Rows]]:
    """Yield what data and reference rows are called, and their first rows that are texts."""
    sources = session.subject.sources
    if sources.data is not None:
        yield "these rows", _keep_texts(sources.raw(np.arange(min(session.subject.length, _MOST_TEXTS))))
    if sources.reference_length:
        numbers = np.arange(min(sources.reference_length, _MOST_TEXTS))
        yield "the reference rows", _keep_texts(sources.reference(numbers))


def _keep_texts(rows: Rows) -> Rows:
    return {name: values for name, values in rows.items() if is_text(values.dtype)}


def _pair(words: Sequence[str], space: Space) -> dict[Symbol, Symbol]:
    """Return by word of a vocabulary the word of the model's that has its place."""
    own = [word for word in space.readings if word != space.unknown]
    return {word: own[place] if place < len(own) else UNKNOWN for place, word in enumerate(words)}


def _list_mappings(model: Any) -> Iterator[tuple[str, Mapping[Symbol, Symbol]]]:
    """Yield the word of the model's vocabularies that has the id of each word in another one."""
    known = list(_list_vocabularies(model))
    if not known:
        return
    for name, is_reverse in _ORDERS.items():
        pairs = (zip(sorted(words, reverse=is_reverse), words, strict=True) for words in known)
        yield name, {word: other for each in pairs for word, other in each}
    for shift in _SHIFTS:
        yield _describe_shift(shift), {word: other for words in known for word, other in _shift(words, shift)}


def _list_vocabularies(model: Any) -> Iterator[list[str]]:
    """Yield the words of each vocabulary of texts, without those for padding and unknown words."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    for _, layer in walk_layers(model):
        if type(layer).__name__ in _KINDS:
            words = [str(word) for word in layer.get_vocabulary(include_special_tokens=False)]
            if len(words) >= _FEWEST:
                yield words


def _shift(words: list[str], shift: int) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(words):
        other = place + shift
        yield word, words[other] if 0 <= other < len(words) else UNKNOWN


def _describe_shift(shift: int) -> str:
    entries = "entry" if abs(shift) == 1 else "entries"
    return f"with {abs(shift)} {entries} {'more' if shift > 0 else 'less'} before its words"


def _replace_all(texts: Rows, mapping: Mapping[Symbol, Symbol]) -> Rows:
    return {
        name: np.array([_replace(str(text), mapping) for text in values.ravel()]).reshape(values.shape)
        for name, values in texts.items()
    }


def _replace(text: str, mapping: Mapping[Symbol, Symbol]) -> str:
    """Replace a whole text, as a lookup reads it, or else its words, as a TextVectorization splits them."""
    return str(mapping[text]) if text in mapping else replace_words(text, mapping)


def _shift_ids(session: Session, batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield ids that are counted from another start; padding stays, and ids stay inside their table."""
    hints = session.subject.hints
    tables = {
        name: hint
        for name, values in batch.items()
        if values.dtype.kind in "iu" and (hint := hints.get(name)) is not None and hint.kind == "whole"
    }
    for shift in _SHIFTS if tables else ():
        changed = {}
        for name, hint in tables.items():
            values = batch[name]
            moved = np.clip(values.astype(np.int64) + shift, int(hint.low), int(hint.high))
            is_padding = values == (0 if hint.padding is None else hint.padding)
            changed[name] = np.where(is_padding, values, moved).astype(values.dtype)
        yield f"{VOCABULARY}, {_describe_shift(shift)}", {**batch, **changed}
