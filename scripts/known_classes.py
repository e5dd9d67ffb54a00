"""Write the frozen list of Keras's own classes and functions that a saved model may name.

Run it once per minor version of Keras that kcheck supports, in an environment with TensorFlow; tables of
other versions are kept:

    python scripts/known_classes.py keras_consistency_cli/loading/model_file/known_classes.json
    the Keras that is installed python scripts/known_classes.py
    keras_consistency_cli/loading/model_file/known_classes.json --versions 3.13 3.14  these, fetched by pip
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
"""Public modules whose classes may stand in a config. keras.utils is not one of them: FeatureSpace is all it
has.
"""

PRIVATE_PACKAGES = (
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
"""Under keras.src: where classes live that Keras saves by their private name, operations above all."""

BUILTIN_SPACES = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
)
"""Where Keras looks up a function that was saved with the module "builtins"."""

FUNCTION_SPACES = ("keras.activations", "keras.losses", "keras.metrics")
NOT_A_FUNCTION = frozenset({"serialize", "deserialize", "get"})

UNSAFE = frozenset(
    {
        *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
        *("AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"),
    }
)
"""They carry code, load other files, or call a function named in the config."""


def main(arguments: list[str] | None = None) -> int:
    """Merge the table of the installed Keras, or those of other versions, into the JSON file named on the
    command line.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument(
        "--versions",
        nargs="+",
        default=(),
        metavar="MINOR",
        help="minor versions of Keras to fetch, such as 3.14",
    )
    chosen = parser.parse_args(arguments)
    path: pathlib.Path = chosen.path
    for minor in chosen.versions:
        _in_its_own_environment(minor, path)
    if chosen.versions:
        return 0
    import keras

    tables = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tables[".".join(keras.__version__.split(".")[:2])] = table()
    path.write_text(_compact(tables), encoding="utf-8")
    return 0


def _in_its_own_environment(minor: str, path: pathlib.Path) -> None:
    """Fetch the newest Keras of a minor version into a folder that comes before the installed one, and run
    this script with it.
    """
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
        "classes": _grouped((module, name) for module, name, found in named if _may_stand(found)),
        "functions": _functions(),
    }


def _may_stand(found: object) -> bool:
    """A class that Keras can restore from a config and that runs nothing but its own code."""
    return (
        inspect.isclass(found)
        and hasattr(found, "from_config")
        and not any(base.__name__ in UNSAFE for base in found.__mro__)
    )


def _exported_classes() -> Iterator[tuple[str, str, Any]]:
    from keras.src.api_export import REGISTERED_NAMES_TO_OBJS

    for full, found in REGISTERED_NAMES_TO_OBJS.items():
        module, _, name = full.rpartition(".")
        if module in CLASS_SPACES or full == "keras.utils.FeatureSpace":
            yield module, name, found
    for module in CLASS_SPACES:
        space = _imported(module)
        yield from ((module, name, found) for name, found in vars(space).items()) if space else ()


def _private_classes() -> Iterator[tuple[str, str, Any]]:
    for package in PRIVATE_PACKAGES:
        root = importlib.import_module(f"keras.src.{package}")
        names = [
            root.__name__,
            *(
                found.name
                for found in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{root.__name__}.")
            ),
        ]
        for space in filter(None, map(_imported, sorted(name for name in names if "_test" not in name))):
            for name, found in vars(space).items():
                if getattr(found, "__module__", None) == space.__name__:
                    yield space.__name__, name, found


def _functions() -> Names:
    spaces = [(module, module) for module in FUNCTION_SPACES] + [
        ("builtins", f"keras.{name}") for name in BUILTIN_SPACES
    ]
    found = (
        (shown, name, thing)
        for shown, module in spaces
        for name, thing in vars(importlib.import_module(module)).items()
    )
    return _grouped(
        (module, name)
        for module, name, thing in found
        if inspect.isfunction(thing) and name not in NOT_A_FUNCTION
    )


def _imported(module: str) -> ModuleType | None:
    """The module, or None where its optional dependency is not installed."""
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
    """JSON with one module to a line, so that the change between two versions can be reviewed."""
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
