"""Snapshots of texts: one file for each folder of tests, in `tests/snapshots/`, written by `make snapshots`.

Tests assert codes, statuses, fields, numbers and exception types; the words of messages are compared with
these files. `masked` replaces measured numbers, so that the text does not depend on the machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from syrupy.extensions.amber import AmberSnapshotExtension
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

__all__ = ["WordingExtension", "masked"]

_TESTS = Path(__file__).resolve().parents[1]
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")


class WordingExtension(AmberSnapshotExtension):
    """Stores all snapshots of a family, the first folder under `tests/`, in one file, by test and module."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """The folder of all snapshot files."""
        return str(_TESTS / "snapshots")

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        """The family of the test."""
        parts = Path(test_location.filepath).resolve().relative_to(_TESTS).parts
        return parts[0] if len(parts) > 1 else "package"

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """The test, with a number if it compares several texts, and its module."""
        name = super().get_snapshot_name(test_location=test_location, index=index)
        return f"{name} in {Path(test_location.filepath).stem}"

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether the file belongs to the test's family."""
        return cls.get_file_basename(test_location=test_location, index=0) == Path(snapshot_location).stem


def masked(text: str) -> str:
    """Return the text with `#` in place of every number, for numbers that a machine measures."""
    return _NUMBER.sub("#", text)
