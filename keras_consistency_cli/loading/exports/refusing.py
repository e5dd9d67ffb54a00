"""Reasons for which a runtime cannot load an export, in words."""

from __future__ import annotations

from pathlib import Path

from keras_consistency_cli.loading.exports.exported_model import ExportRefused
from keras_consistency_cli.text import clean, format_count

__all__ = ["check_size", "first_line", "last_line"]


def check_size(path: Path, needed: int) -> None:
    """Refuse an export if a file of weights is shorter than the export says.

    Raises:
        ExportRefused: it is cut.
    """
    size = path.stat().st_size
    if size < needed:
        has = f"{clean(path.name, 80)} has {format_count(size, 'byte')}, {needed:,} are needed"
        raise ExportRefused(f"its weights are incomplete: {has}")


def first_line(problem: BaseException) -> str:
    """Return the first line of an error of a runtime."""
    return clean(next(iter(_lines(problem)), type(problem).__name__), 200)


def last_line(problem: BaseException) -> str:
    """Return the last line of an error, for a runtime that begins with places in its own code."""
    return clean(next(reversed(_lines(problem)), type(problem).__name__), 200)


def _lines(problem: BaseException) -> list[str]:
    return [line.strip() for line in str(problem).splitlines() if line.strip()]
