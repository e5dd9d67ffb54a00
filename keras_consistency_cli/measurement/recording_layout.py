"""The names of the arrays in a recording: a .npz with raw rows, rows as fed and outputs, row for row."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["LONE", "PARTS", "REQUEST", "REQUEST_ROWS", "has_parts", "part_name", "parts_of", "recorded_parts"]

REQUEST, REQUEST_ROWS = "kcheck-request", "kcheck-request-rows"
"""By row: the number of the request that it came with, and how many rows that request had.

A file with the first of them is a recording.
"""
PARTS = ("raw", "served", "outputs")
LONE = "data"
"""The name of an array that has no other."""
_ENDING = ".npy"


def part_name(part: str, name: str) -> str:
    """Return the name of an array of a part, such as "served/x"."""
    return f"{part}/{name}"


def has_parts(names: Iterable[str]) -> bool:
    """Whether a file with arrays of these names is a recording."""
    return REQUEST in names


def parts_of(names: Iterable[str]) -> frozenset[str]:
    """Return the parts that these arrays belong to."""
    return frozenset(part for name in names if (part := name.partition("/")[0]) in PARTS)


def recorded_parts(path: Path) -> frozenset[str]:
    """Return the parts that a file holds; empty if it is not a recording; its contents are not read."""
    try:
        if not path.is_file():
            return frozenset()
        with path.open("rb") as handle:
            if handle.read(2) != b"PK":
                return frozenset()
            with zipfile.ZipFile(handle) as archive:
                names = [name.removesuffix(_ENDING) for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return frozenset()
    return parts_of(names) if has_parts(names) else frozenset()
