"""Error texts without the parts that vary: folders of a test, and messages of other libraries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keras_consistency_cli.text import clean

__all__ = ["own_text"]

_LIMITS = (200, 100)
"""Lengths at which messages shorten the text of a cause."""


def own_text(error: BaseException, folder: Path | None = None) -> str:
    """Return the text of an error with its folder left out and `<cause>` for the text of an outside cause.

    Args:
        error: an error of this package.
        folder: the temporary folder of the test.
    """
    text = str(error)
    for cause in _outside_causes(error):
        for part in _renderings(cause):
            text = text.replace(part, "<cause>")
    return text if folder is None else text.replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def _outside_causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if not type(cause).__module__.startswith("keras_consistency_cli"):
            yield cause
        cause = cause.__cause__


def _renderings(cause: BaseException) -> list[str]:
    """Return the forms in which messages contain the text of a cause, the longest first."""
    whole = str(cause).strip()
    first_line = (whole or type(cause).__name__).splitlines()[0]
    texts = {
        part for text in (whole, first_line) for part in (text, *(clean(text, limit) for limit in _LIMITS))
    }
    return sorted(texts - {"", type(cause).__name__}, key=len, reverse=True)
