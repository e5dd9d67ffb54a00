"""Untrusted text: everything that comes from a model, a file or a user passes through `clean` once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["clean", "did_you_mean", "shape_text", "unstyled"]

# C0 and C1 controls, zero-width and bidirectional marks, line separators, surrogates, what no XML may hold, invisible tags: none may reach a
# terminal or a report.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
_STYLING = re.compile(r"\x1b\[[0-9;]*m")


def clean(text: object, limit: int = 200) -> str:
    """Return `text` on one line, control characters spelled out as escapes, at most `limit` characters."""
    shown = _HIDDEN.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}",
        str(text),
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def unstyled(text: object) -> str:
    """Return `text` without the colours that a library wrote it in."""
    return _STYLING.sub("", str(text))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'rows'?)" for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def shape_text(shape: Iterable[int | None]) -> str:
    """Return a shape as Keras prints it: (None, 20, 1)."""
    return str(tuple(shape))
