"""Write the list of classes that a saved model may name of packages built on Keras, such as keras_hub.

    python scripts/known_packages.py keras_consistency_cli/loading/model_file/known_packages.json

Run the script in an environment with TensorFlow and the packages of PACKAGES. A package that is not installed
keeps its table.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import json
import pathlib
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["main", "table"]

PACKAGES = ("keras_hub", "keras_rs")
"""Packages of the Keras team, by the name that Python imports."""

FUNCTIONS = {"keras_hub": ["gelu_approximate"]}
"""Functions that compute a tensor; the other registered ones read files or presets."""

UNSAFE = frozenset({"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Classes that contain code or load other files."""

LEFT_OUT = frozenset({"tests", "vllm"})
"""Folders that no saved model needs: tests, and a server for presets."""


def main(arguments: list[str] | None = None) -> int:
    """Write the tables of the installed packages to the JSON file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=pathlib.Path)
    path: pathlib.Path = parser.parse_args(arguments).path
    tables = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for package in PACKAGES:
        if importlib.util.find_spec(package) is not None:
            tables[package] = table(package)
        else:
            print(f"{package} is not installed and keeps its table", file=sys.stderr)
    path.write_text(_compact(tables), encoding="utf-8")
    return 0


def table(package: str) -> dict[str, Any]:
    """Return {"classes": {module: names}, "functions": names} of an installed package."""
    classes: dict[str, list[str]] = {}
    for module in _modules(importlib.import_module(package)):
        names = sorted(name for name, value in vars(module).items() if _is_saved_class(value, module))
        if names:
            classes[module.__name__] = names
    return {"classes": classes, "functions": FUNCTIONS.get(package, [])}


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules that can be imported here: some need the package of another backend."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("_test") and LEFT_OUT.isdisjoint(found.name.split(".")):
            try:
                yield importlib.import_module(found.name)
            except ImportError as problem:
                print(f"{found.name} is left out: {problem}", file=sys.stderr)


def _is_saved_class(value: object, module: ModuleType) -> bool:
    from keras.src.saving.keras_saveable import KerasSaveable

    return (
        inspect.isclass(value)
        and value.__module__ == module.__name__
        and (issubclass(value, KerasSaveable) or hasattr(value, "from_config"))
        and not any(base.__name__ in UNSAFE for base in value.__mro__)
    )


def _compact(tables: dict[str, Any]) -> str:
    """Return JSON with one module in each line, so that changes between versions can be reviewed."""
    packages = []
    for package, kinds in sorted(tables.items()):
        modules = ",\n".join(
            f"   {json.dumps(module)}: {json.dumps(names)}"
            for module, names in sorted(kinds["classes"].items())
        )
        functions = json.dumps(kinds["functions"])
        packages.append(
            f' {json.dumps(package)}: {{\n  "classes": {{\n{modules}\n  }},\n  "functions": {functions}\n }}'
        )
    return "{\n" + ",\n".join(packages) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
