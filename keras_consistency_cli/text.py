"""Text from a model, a file or a user is untrusted: it passes through `clean` once."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import count

__all__ = [
    "clean",
    "describe_changed_decisions",
    "did_you_mean",
    "format_bytes",
    "format_count",
    "number_repeated",
    "shape_text",
    "split_names",
    "split_words",
    "unstyled",
]

# C0 and C1 controls, zero-width and bidirectional marks, line separators, surrogates, what XML cannot hold,
# invisible tags: none may reach a terminal or a report.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


def clean(text: object, limit: int = 200) -> str:
    """Return `text` on one line with at most `limit` characters, controls as escapes."""
    shown = _HIDDEN.sub(lambda match: _escape(ord(match[0])), str(text))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def unstyled(text: object) -> str:
    """Return `text` without the colours that a library added."""
    return _STYLING.sub("", str(text))


_CANDIDATES = 8


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'rows'?)" for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=_CANDIDATES, cutoff=0.6)
    if not close:
        return ""
    # Words that are equally close: the one with more equal letters in the same places.
    best = max(close, key=lambda each: (_closeness(word, each), sum(map(str.__eq__, word, each))))
    return f" (did you mean '{best}'?)"


def _closeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, word).ratio()


def format_count(amount: int, one: str, many: str | None = None) -> str:
    """Return an amount with its noun: 1 row, 10,000 rows."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def format_bytes(size: int) -> str:
    """Return a size in the largest unit in which the number is at least one."""
    units = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
    return next((f"{size / of:.3g} {unit}" for unit, of in units if size >= of), f"{size} bytes")


def describe_changed_decisions(amount: int) -> str:
    """Return a number of decisions with its verb: 1 decision changes, 3 decisions change."""
    return f"{format_count(amount, 'decision')} {'changes' if amount == 1 else 'change'}"


def shape_text(shape: Iterable[int | None]) -> str:
    """Return a shape as Keras prints it: (None, 20, 1)."""
    return str(tuple(shape))


def number_repeated(names: Sequence[str]) -> list[str]:
    """Return the names, repeated ones with a number: lstm, lstm_1, lstm_2."""
    unique: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        is_new = name not in unique
        unique.append(name if is_new else next(each for each in numbered if each not in {*names, *unique}))
    return unique


def split_words(values: str | Iterable[str]) -> list[str]:
    """Return the words of one or more values, which may hold several words separated by commas."""
    return [
        word.strip()
        for value in ((values,) if isinstance(values, str) else values)
        for word in value.split(",")
    ]


def split_names(values: str | Iterable[str]) -> list[str]:
    """Return names of columns that are separated by commas; one that holds a comma is in double quotes."""
    texts = (values,) if isinstance(values, str) else values
    return [
        name.strip() for text in texts for row in csv.reader([text], skipinitialspace=True) for name in row
    ]
