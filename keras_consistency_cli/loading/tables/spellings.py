"""Spellings of words and categories: which one makes unknown ones known to a vocabulary or an encoder.

Words that differ from those of the vocabulary in their spelling only, such as "Male " for "male", are
distinguished from new ones: each spelling is tried, and the one that makes nearly all of them known counts.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping

__all__ = ["Word", "find_spelling"]

_MADE_KNOWN = 0.9
"""Share of the unknown words that a different spelling must make known."""

Word = str | int
_Respell = Callable[[str, frozenset[Word]], str]


def find_spelling(unknown: Mapping[Word, int], known: frozenset[Word]) -> tuple[str, str] | None:
    """Return the first spelling that makes nearly all of these words known, and what one word becomes.

    Args:
        unknown: how often each word occurs that the vocabulary lacks.
        known: the vocabulary.
    """
    texts = {word: count for word, count in unknown.items() if isinstance(word, str)}
    for name, respell in _SPELLINGS.items():
        respelled = {word: respell(word, known) for word in texts}
        found = [word for word, other in respelled.items() if other in known]
        if found and sum(texts[word] for word in found) >= _MADE_KNOWN * sum(unknown.values()):
            return name, f"{found[0]!r} is {respelled[found[0]]!r}"
    return None


def _without_accents(word: str, _known: frozenset[Word]) -> str:
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _with_zeros(word: str, known: frozenset[Word]) -> str:
    """Return the digits with leading zeros, as long as the digits of the vocabulary."""
    digits = word.strip().removesuffix(".0")
    return digits.zfill(_longest_code(known)) if digits.isdigit() else word


@functools.lru_cache(maxsize=1)
def _longest_code(known: frozenset[Word]) -> int:
    """Return the number of digits of the longest code in a vocabulary, which may hold very many."""
    return max((len(each) for each in known if isinstance(each, str) and each.isdigit()), default=0)


_SPELLINGS: Mapping[str, _Respell] = {
    "strip": lambda word, _: word.strip(),
    "lower": lambda word, _: word.strip().lower(),
    "upper": lambda word, _: word.strip().upper(),
    "capitalize": lambda word, _: word.strip().capitalize(),
    "title": lambda word, _: word.strip().title(),
    "whole": lambda word, _: word.strip().removesuffix(".0"),
    "decimal": lambda word, _: f"{word.strip()}.0",
    "zeros": _with_zeros,
    "quotes": lambda word, _: word.removeprefix("b").strip("'\""),
    "accents": _without_accents,
}
"""By name of a spelling, the word with it."""
