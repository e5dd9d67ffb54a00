"""Report targets: the format of a report and its file, written as "json" or "junit=report.xml"."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = [
    "DISPLAY_SETTINGS",
    "FORMATS",
    "UTF_8",
    "Destination",
    "parse_destination",
    "parse_destinations",
    "relative_to_folder",
]

FORMATS = ("terminal", "concise", "json", "junit", "sarif", "github", "markdown", "html")
"""The formats of `--format`; `reporting.render.RENDERERS` has one function for each."""

UTF_8 = frozenset({"json", "junit", "sarif", "markdown", "html"})
"""Formats that are always UTF-8, also on standard output."""

DISPLAY_SETTINGS = ("format", "output", "bundle", "color", "quiet", "verbose", "debug")
"""Settings that change only how the result is shown."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One report: its format, its file (None is standard output), and the flag that messages name."""

    format: str
    path: Path | None = None
    flag: str = ""


def parse_destination(word: str) -> Destination:
    """Parse "FORMAT" or "FORMAT=FILE"; raises ValueError, with a message for the user, for anything else."""
    form, equals, path = word.partition("=")
    if form not in FORMATS:
        raise ValueError(f"'{clean(form, 60)}' is not a format{did_you_mean(form, FORMATS)}")
    if equals and (not path or b"\0" in os.fsencode(path)):
        raise ValueError(f"'{clean(word, 60)}' names no file")
    return Destination(format=form, path=Path(path) if equals else None, flag=f"--format {form}=")


def relative_to_folder(word: str, folder: Path) -> str:
    """Return the word with its file, if it has one, taken relative to a folder."""
    form, equals, path = word.partition("=")
    return f"{form}={folder / path}" if equals and path else word


def parse_destinations(words: Sequence[str], output: Path | None) -> tuple[Destination, ...]:
    """Return the destinations of these words; `output` is the file of the one that names none.

    Raises:
        UsageError: two reports have the same destination, or every report has a file already.
    """
    targets = [parse_destination(word) for word in words]
    without_file = [target for target in targets if target.path is None]
    if len(without_file) > 1:
        both = " and ".join(target.format for target in without_file[:2])
        raise UsageError(
            f"--format: {both} both go to standard output",
            fix=f"give all but one a file: --format {without_file[0].format}=FILE",
        )
    if output is not None and not without_file:
        raise UsageError(f"--output {clean(output)}: every --format has its own file", fix="remove --output")
    placed = tuple(
        replace(target, path=output, flag="--output ") if target.path is None and output else target
        for target in targets
    )
    _check_distinct([target.path for target in placed if target.path is not None])
    return placed


def _check_distinct(paths: Iterable[Path]) -> None:
    taken: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in taken:
            raise UsageError(f"two reports would be written to {clean(path)}", fix="give each its own file")
        taken.add(real)
