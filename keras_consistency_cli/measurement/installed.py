"""Versions of packages: installed ones, read without importing them, and numbers of versions of Keras."""

from __future__ import annotations

import importlib.metadata
import re

__all__ = ["KerasVersion", "has_other_minor_version", "installed_version", "parse_version"]

KerasVersion = tuple[int, int, int]
"""Major, minor and patch number."""


def installed_version(*distributions: str) -> str | None:
    """Return the version of the first distribution that is installed, None if none is."""
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def has_other_minor_version(saved: str | None, running: str | None) -> bool:
    """Whether both versions are known and differ in more than the last number."""
    return bool(saved and running) and str(saved).split(".")[:2] != str(running).split(".")[:2]


def parse_version(text: str) -> KerasVersion | None:
    """Return the numbers of a version such as "3.15.1", None if the text does not begin with a version.

    A patch number that is not given is 0.
    """
    match = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None
