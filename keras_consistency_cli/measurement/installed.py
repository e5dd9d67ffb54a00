"""Versions of installed packages, read without importing them."""

from __future__ import annotations

import importlib.metadata

__all__ = ["has_other_minor_version", "installed_version"]


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
