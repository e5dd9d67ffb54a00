"""Write the list of Keras's own classes and functions that a saved model may name.

    python scripts/known_classes.py FILE                       add a table for the installed Keras
    python scripts/known_classes.py FILE --versions 3.13 3.14  add tables for these versions, with pip

FILE is keras_consistency_cli/loading/model_file/known_classes.json. Run the script once for each minor
version of Keras that kcheck supports, in an environment with TensorFlow. Tables of other versions are kept.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

__all__ = ["main", "table"]

Names = dict[str, list[str]]

CLASS_SPACES = (
    "keras",
    "keras.constraints",
    "keras.distillation",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.losses",
    "keras.metrics",
    "keras.models",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.quantizers",
    "keras.random",
    "keras.regularizers",
    "keras._legacy.layers",
)
"""Public modules whose classes a config may name; of keras.utils only FeatureSpace is allowed."""

PRIVATE_PACKAGES = (
    "activations",
    "applications",
    "constraints",
    "distillation",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
)
"""Packages under keras.src with classes that Keras saves by their private name, mainly operations."""

BUILTIN_SPACES = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
)
"""Modules in which Keras looks up a function that was saved with the module "builtins"."""

FUNCTION_SPACES = ("keras.activations", "keras.losses", "keras.metrics")
NOT_A_FUNCTION = frozenset({"serialize", "deserialize", "get"})

UNSAFE = frozenset(
    {
        *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
        *("AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"),
    }
)
"""Classes that contain code, load other files, or call a function that the config names."""


def main(arguments: list[str] | None = None) -> int:
    """Add the table of the installed Keras, or of the versions given, to the JSON file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument(
        "--versions",
        nargs="+",
        default=(),
        metavar="MINOR",
        help="minor versions of Keras to install and list, such as 3.14",
    )
    options = parser.parse_args(arguments)
    path: pathlib.Path = options.path
    for minor in options.versions:
        _run_with_version(minor, path)
    if options.versions:
        return 0
    import keras

    tables = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tables[".".join(keras.__version__.split(".")[:2])] = table()
    path.write_text(_compact(tables), encoding="utf-8")
    return 0


def _run_with_version(minor: str, path: pathlib.Path) -> None:
    """Install the newest Keras of a minor version into a temporary folder, and run this script with it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target",
                folder,
                f"keras=={minor}.*",
            ],
            check=True,
        )
        subprocess.run(
            [sys.executable, __file__, str(path)], check=True, env={**os.environ, "PYTHONPATH": folder}
        )


def table() -> dict[str, Names]:
    """Return {"classes": {module: names}, "functions": {module: names}} of the installed Keras."""
    named = [*_exported_classes(), *_private_classes()]
    return {
        "classes": _grouped((module, name) for module, name, value in named if _is_safe_class(value)),
        "functions": _functions(),
    }


def _is_safe_class(value: object) -> bool:
    """Whether this is a class that Keras can restore from a config and that runs only its own code."""
    return (
        inspect.isclass(value)
        and hasattr(value, "from_config")
        and not any(base.__name__ in UNSAFE for base in value.__mro__)
    )


def _exported_classes() -> Iterator[tuple[str, str, Any]]:
    from keras.src.api_export import REGISTERED_NAMES_TO_OBJS

    for full_name, value in REGISTERED_NAMES_TO_OBJS.items():
        module, _, name = full_name.rpartition(".")
        if module in CLASS_SPACES or full_name == "keras.utils.FeatureSpace":
            yield module, name, value
    for module in CLASS_SPACES:
        space = _imported(module)
        yield from ((module, name, value) for name, value in vars(space).items()) if space else ()


def _private_classes() -> Iterator[tuple[str, str, Any]]:
    for package in PRIVATE_PACKAGES:
        root = importlib.import_module(f"keras.src.{package}")
        names = [
            root.__name__,
            *(
                module.name
                for module in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{root.__name__}.")
            ),
        ]
        for space in filter(None, map(_imported, sorted(name for name in names if "_test" not in name))):
            for name, value in vars(space).items():
                if getattr(value, "__module__", None) == space.__name__:
                    yield space.__name__, name, value


def _functions() -> Names:
    spaces = [(module, module) for module in FUNCTION_SPACES] + [
        ("builtins", f"keras.{name}") for name in BUILTIN_SPACES
    ]
    functions = (
        (saved_module, name, value)
        for saved_module, module in spaces
        for name, value in vars(importlib.import_module(module)).items()
    )
    return _grouped(
        (module, name)
        for module, name, value in functions
        if inspect.isfunction(value) and name not in NOT_A_FUNCTION
    )


def _imported(module: str) -> ModuleType | None:
    """Return the module, or None if its optional dependency is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def _grouped(names: Iterable[tuple[str, str]]) -> Names:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for module, name in names:
        groups[module].add(name)
    return {module: sorted(groups[module]) for module in sorted(groups)}


def _compact(tables: dict[str, Any]) -> str:
    """Return JSON with one module in each line, so that changes between versions can be reviewed."""
    versions = []
    for version in sorted(tables, key=lambda text: [int(part) for part in text.split(".")]):
        kinds = []
        for kind, modules in tables[version].items():
            lines = ",\n".join(
                f"   {json.dumps(module)}: {json.dumps(names)}" for module, names in modules.items()
            )
            kinds.append(f"  {json.dumps(kind)}: {{\n{lines}\n  }}")
        versions.append(f" {json.dumps(version)}: {{\n" + ",\n".join(kinds) + "\n }")
    return "{\n" + ",\n".join(versions) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
