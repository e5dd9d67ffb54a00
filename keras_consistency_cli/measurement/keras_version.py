"""Versions of Keras as numbers, for tables of what changed in which version."""

from __future__ import annotations

import re

__all__ = ["KerasVersion", "parse_version"]

KerasVersion = tuple[int, int, int]
"""Major, minor and patch number."""


def parse_version(text: str) -> KerasVersion | None:
    """Return the numbers of a version such as "3.15.1", None if the text does not begin with a version.

    A patch number that is not given is 0.
    """
    match = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None
