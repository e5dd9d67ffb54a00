"""Where a report goes, and in which form: "json", or "junit=report.xml"."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["FORMATS", "UTF_8", "Destination", "destination", "destinations", "in_folder"]

FORMATS = ("terminal", "concise", "json", "junit", "sarif", "github", "markdown", "html")
"""What `--format` knows; reporting.RENDERERS has one function for each."""


UTF_8 = frozenset({"json", "junit", "sarif", "markdown", "html"})
"""Those that are UTF-8 wherever they go."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One report: its form, its file (None is standard output), and what messages call it."""

    format: str
    path: Path | None = None
    said: str = ""


def destination(word: str) -> Destination:
    """Read "FORMAT" or "FORMAT=FILE"; raises ValueError, in words for the user, for any other."""
    form, equals, path = word.partition("=")
    if form not in FORMATS:
        raise ValueError(f"'{clean(form, 60)}' is no format{did_you_mean(form, FORMATS)}")
    if equals and (not path or b"\0" in os.fsencode(path)):
        raise ValueError(f"'{clean(word, 60)}' names no file")
    return Destination(format=form, path=Path(path) if equals else None, said=f"--format {form}=")


def in_folder(word: str, folder: Path) -> str:
    """Return the word with its file, where it has one, relative to a folder."""
    form, equals, path = word.partition("=")
    return f"{form}={folder / path}" if equals and path else word


def destinations(words: Sequence[str], output: Path | None) -> tuple[Destination, ...]:
    """Return where the reports of these words go; `output` takes the one that names no file.

    Raises:
        UsageError: two go to the same place, or `output` has none to take.
    """
    found = [destination(word) for word in words]
    bare = [one for one in found if one.path is None]
    if len(bare) > 1:
        both = " and ".join(one.format for one in bare[:2])
        raise UsageError(
            f"--format: {both} both go to standard output",
            fix=f"give all but one a file: --format {bare[0].format}=FILE",
        )
    if output is not None and not bare:
        raise UsageError(
            f"--output {clean(output)}: every --format has a file of its own", fix="leave --output away"
        )
    placed = tuple(
        replace(one, path=output, said="--output ") if one.path is None and output is not None else one
        for one in found
    )
    _all_apart([one.path for one in placed if one.path is not None])
    return placed


def _all_apart(paths: Iterable[Path]) -> None:
    taken: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in taken:
            raise UsageError(
                f"two reports would be written to {clean(path)}", fix="give each a file of its own"
            )
        taken.add(real)
