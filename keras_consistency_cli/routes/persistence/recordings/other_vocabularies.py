"""Rows as another vocabulary would number them, for recorded outputs that may be those of a different one.

A vocabulary that was rebuilt has the same words in another order, or one more or one less entry for padding
and for unknown words. The model keeps its own: each word is replaced by the one whose id it would have there.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.distance import is_text
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
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNKNOWN = "\0"
"""A word that no vocabulary has."""


def generate_relabelled(session: Session, batch: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield the rows of words and ids as other vocabularies number them, with a description."""
    texts = {name: values for name, values in batch.items() if is_text(values.dtype)}
    if texts:
        for words, mapping in _list_mappings(session.model):
            yield f"{VOCABULARY}, {words}", {**batch, **_replace_all(texts, mapping)}
    yield from _shift_ids(session, batch)


def _list_mappings(model: Any) -> Iterator[tuple[str, Mapping[str, str]]]:
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
    from keras_consistency_cli.loading.model.facts import walk_layers

    for _, layer in walk_layers(model):
        if type(layer).__name__ in _KINDS:
            words = [str(word) for word in layer.get_vocabulary(include_special_tokens=False)]
            if len(words) >= _FEWEST:
                yield words


def _shift(words: list[str], shift: int) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(words):
        other = place + shift
        yield word, words[other] if 0 <= other < len(words) else _UNKNOWN


def _describe_shift(shift: int) -> str:
    entries = "entry" if abs(shift) == 1 else "entries"
    return f"with {abs(shift)} {entries} {'more' if shift > 0 else 'less'} before its words"


def _replace_all(texts: Rows, mapping: Mapping[str, str]) -> Rows:
    return {
        name: np.array([_replace(str(text), mapping) for text in values.ravel()]).reshape(values.shape)
        for name, values in texts.items()
    }


def _replace(text: str, mapping: Mapping[str, str]) -> str:
    """Replace a whole text, as a lookup reads it, or else its words, as a TextVectorization splits them."""
    if text in mapping:
        return mapping[text]
    return " ".join(mapping.get(word, word) for word in text.lower().translate(_PUNCTUATION).split())


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
