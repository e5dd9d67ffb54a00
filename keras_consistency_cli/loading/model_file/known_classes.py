"""The classes and functions of Keras itself, by minor version.

The names are stored in known_classes.json, which scripts/known_classes.py writes, so that Keras need not be
imported.
"""

from __future__ import annotations

import functools
import json
import pathlib
from dataclasses import dataclass

from keras_consistency_cli.measurement.installed import installed_version

__all__ = ["KnownNames", "installed_keras_version", "read_known_names"]

_TABLE = pathlib.Path(__file__).with_name("known_classes.json")


@dataclass(frozen=True, kw_only=True)
class KnownNames:
    """Keras's own names in one minor version, as "module.name"."""

    version: str
    classes: frozenset[str]
    functions: frozenset[str]


def read_known_names(saved_with: str = "") -> KnownNames:
    """Return the names of the Keras that will load the model.

    That is the installed Keras or, if none is installed, the version that saved the model.

    Args:
        saved_with: the version in the archive; the newest table is used for a version without one.
    """
    version = installed_keras_version() or saved_with
    return _read_table(".".join(version.split(".")[:2]))


@functools.cache
def _read_table(minor: str) -> KnownNames:
    tables: dict[str, dict[str, dict[str, list[str]]]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    version = minor if minor in tables else max(tables, key=_version_numbers)
    classes, functions = (_full_names(tables[version][kind]) for kind in ("classes", "functions"))
    return KnownNames(version=version, classes=classes, functions=functions)


def _version_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _full_names(modules: dict[str, list[str]]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, names in modules.items() for name in names)


@functools.cache
def installed_keras_version() -> str:
    """Return the version of the installed Keras without importing it, "" if there is none."""
    return installed_version("keras") or ""
