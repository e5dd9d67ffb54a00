"""Classes of packages built on Keras that a saved model may name without a file of the user.

The names are stored in known_packages.json, which scripts/known_packages.py writes. A class that is not in
the table is code of the user, whatever package the file says it is from.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["DISTRIBUTIONS", "find_package", "is_known_prefix", "missing_packages"]

_TABLE = pathlib.Path(__file__).with_name("known_packages.json")

DISTRIBUTIONS: Mapping[str, str] = {"keras_hub": "keras-hub", "keras_rs": "keras-rs"}
"""By the name that Python imports, the name that pip installs."""

_FORMER_NAMES: Mapping[str, str] = {"keras_nlp": "keras_hub"}
"""The package registers its classes under its former name too."""


@dataclass(frozen=True, kw_only=True)
class _Names:
    """The classes of a package as "module.name", and the functions that compute tensors."""

    classes: frozenset[str]
    functions: frozenset[str]


def find_package(name: str, module: str | None, registered: str | None, *, is_function: bool) -> str | None:
    """Return the known package that a class or function belongs to, None if it belongs to none.

    Keras looks for the registered name first and for the module after that, so both must be those of the
    package.

    Args:
        name: of the class, or the registered name of the function.
        module: the module in the file.
        registered: the registered name in the file, as "keras_hub>BertBackbone".
        is_function: whether a function is named.
    """
    if is_function:
        return _package_of_function(name)
    first, _, rest = (module or "").partition(".")
    package = _FORMER_NAMES.get(first, first)
    if package not in DISTRIBUTIONS or f"{package}.{rest}.{name}" not in _read_table()[package].classes:
        return None
    if first != package and not registered:
        return None
    return package if registered in (None, name, *_registered_names(package, name)) else None


def _package_of_function(name: str) -> str | None:
    for package, names in _read_table().items():
        if any(name in _registered_names(package, function) for function in names.functions):
            return package
    return None


def _registered_names(package: str, name: str) -> tuple[str, ...]:
    former = (old for old, new in _FORMER_NAMES.items() if new == package)
    return tuple(f"{prefix}>{name}" for prefix in (package, *former))


def is_known_prefix(prefix: str) -> bool:
    """Whether a known package registers its classes and functions under this prefix."""
    return prefix in DISTRIBUTIONS or prefix in _FORMER_NAMES


def missing_packages(packages: Iterable[str]) -> tuple[str, ...]:
    """Return those of the packages that are not installed; none of them is imported."""
    return tuple(name for name in packages if importlib.util.find_spec(name) is None)


@functools.cache
def _read_table() -> Mapping[str, _Names]:
    tables: dict[str, dict[str, dict[str, list[str]]]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return {
        package: _Names(
            classes=frozenset(
                f"{module}.{name}" for module, names in kinds["classes"].items() for name in names
            ),
            functions=frozenset(kinds["functions"]),
        )
        for package, kinds in tables.items()
    }
