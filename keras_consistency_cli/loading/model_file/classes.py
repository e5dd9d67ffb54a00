"""Which classes a saved model names: Keras's own, custom ones, and those that carry code. Read from the config alone, before Keras is imported.

The list of Keras's own names is frozen in known_classes.json, one table per minor version, written by scripts/known_classes.py.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.text import clean

__all__ = ["Inspection", "Known", "LargestSize", "inspect_config", "installed_keras_version", "known_classes"]

MAX_LAYERS = 2000
_MAX_NODES = 5_000_000
_TABLE = pathlib.Path(__file__).with_name("known_classes.json")
_COMPILE = "compile_config"

_VALUES = frozenset({"__keras_tensor__", "__slice__", "__ellipsis__", "__tensor__", "__numpy__", "__bytes__"})
"""Class names by which Keras marks plain values."""

_UNSAFE = {
    **dict.fromkeys(("Lambda", "__lambda__"), "holds Python code that would run"),
    "TFSMLayer": "loads and runs a TensorFlow SavedModel from outside the archive",
    "TorchModuleWrapper": "unpickles a PyTorch module, which can run any code",
    **dict.fromkeys(("JaxLayer", "FlaxLayer"), "holds functions that would run"),
    **dict.fromkeys(
        ("AssociativeScan", "ForiLoop", "Map", "Scan", "VectorizedMap", "WhileLoop"),
        "calls a function named in the file",
    ),
    **dict.fromkeys(("Cond", "Switch"), "calls a function named in the file"),
}
_UNKNOWN = "is not a class or function of Keras that a model may name"

_SIZES = frozenset(
    {
        "units",
        "filters",
        "input_dim",
        "output_dim",
        "num_heads",
        "key_dim",
        "value_dim",
        "depth_multiplier",
        "kernel_size",
    }
)
"""Settings that make weights: never negative, and never far beyond the numbers that the archive stores."""

Kind = Literal["keras", "custom", "unsafe", "value"]
Where = tuple[Any, ...]
"""A place in the config as a chain (parent, key): it is spelled out only where a message needs it."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Keras's own names of one minor version, as "module.name"."""

    version: str
    classes: frozenset[str]
    functions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class LargestSize:
    """The greatest of the settings that make weights, and where it stands; value 0 where there is none."""

    where: str = ""
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a config names. `custom`, `unsafe` and `custom_compile` are ready to print; `custom_compile` counts only when training."""

    classes: tuple[str, ...]
    custom: tuple[str, ...]
    unsafe: tuple[str, ...]
    custom_compile: tuple[str, ...]
    layers: int
    largest: LargestSize


def known_classes(saved_with: str = "") -> Known:
    """Return the table for the Keras that will load the model: the installed one, or else the one it was saved with.

    Args:
        saved_with: the version in the archive; an unknown or newer one gets the newest table.
    """
    return _known(".".join((installed_keras_version() or saved_with).split(".")[:2]))


@functools.cache
def _known(minor: str) -> Known:
    tables = json.loads(_TABLE.read_text(encoding="utf-8"))
    version = (
        minor if minor in tables else max(tables, key=lambda text: [int(part) for part in text.split(".")])
    )
    joined = {
        kind: frozenset(f"{module}.{name}" for module, names in modules.items() for name in names)
        for kind, modules in tables[version].items()
    }
    return Known(version=version, classes=joined["classes"], functions=joined["functions"])


@functools.cache
def installed_keras_version() -> str:
    """Return the version of Keras in this environment without importing it, "" where there is none."""
    try:
        return importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        return ""


def inspect_config(config: Mapping[str, Any], known: Known) -> Inspection:
    """Sort every class and function that `config` names.

    Args:
        config: config.json, parsed.
        known: Keras's own names.

    Raises:
        RefusedError: a class without a readable name, a negative size, more layers or entries than any real model.
    """
    found = _Found(known)
    for node, where, in_unsafe in _walk(config, found):
        found.take(node, where, in_unsafe)
    return Inspection(
        classes=tuple(sorted(found.classes)),
        custom=tuple(dict.fromkeys(found.custom)),
        unsafe=tuple(found.unsafe),
        custom_compile=tuple(dict.fromkeys(found.custom_compile)),
        layers=found.layers,
        largest=found.largest,
    )


def _walk(config: Mapping[str, Any], found: _Found) -> Iterator[tuple[dict[str, Any], Where, bool]]:
    """Yield the objects that name a class, in the order of the file; the flag says whether one around it is unsafe already."""
    stack: list[tuple[Any, Where, bool]] = [(config, (), False)]
    nodes = 0
    while stack:
        node, where, in_unsafe = stack.pop()
        nodes += len(node)
        if nodes > _MAX_NODES:
            raise RefusedError(f"config.json holds more than {_MAX_NODES:,} entries")
        if (
            isinstance(node, dict)
            and "class_name" in node
            and not node.keys().isdisjoint({"config", "module", "registered_name"})
        ):
            before = len(found.unsafe)
            yield node, where, in_unsafe
            in_unsafe = in_unsafe or len(found.unsafe) > before
        items = node.items() if isinstance(node, dict) else enumerate(node)
        stack.extend(
            reversed(
                [(child, (where, key), in_unsafe) for key, child in items if isinstance(child, (dict, list))]
            )
        )


class _Found:
    """What the walk has met so far."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.classes: set[str] = set()
        self.custom: list[str] = []
        self.unsafe: list[str] = []
        self.custom_compile: list[str] = []
        self.layers = 0
        self.largest = LargestSize()

    def take(self, node: dict[str, Any], where: Where, in_unsafe: bool) -> None:
        """Sort one object that names a class."""
        kind, name = _kind(node, where, self.known)
        if kind == "value":
            return
        self.classes.add(name)
        if (
            kind != "keras"
            and _outermost(where) == _COMPILE
            and not (kind == "unsafe" and _builds_code(name))
        ):
            self.custom_compile.append(name)
        elif kind == "custom":
            self.custom.append(name)
        elif kind == "unsafe" and not in_unsafe:
            self.unsafe.append(f"{name}{_layer_name(node)} at {_place(where)}, which {_reason(name)}")
        if kind == "keras" or (kind == "custom" and _is_of_keras(node.get("module"))):
            self._take_settings(node, name, where)
        if where and _outermost(where) != _COMPILE:
            self._count(node)

    def _take_settings(self, node: dict[str, Any], name: str, where: Where) -> None:
        config = node.get("config")
        if not isinstance(config, dict):
            return
        vocabulary = config.get("vocabulary")
        if isinstance(vocabulary, str):
            file = clean(vocabulary, 80)
            self.unsafe.append(
                f"{name}{_layer_name(node)} at {_place(where)}, which reads its vocabulary from the file '{file}'"
            )
        for key in sorted(_SIZES & config.keys()):
            for value in filter(_is_whole, config[key] if isinstance(config[key], list) else [config[key]]):
                if value < 0:
                    raise RefusedError(
                        f"{name}{_layer_name(node)} has {key}={clean(value, 40)}",
                        expected="a positive number",
                    )
                if value > self.largest.value:
                    self.largest = LargestSize(
                        where=f"{name}{_layer_name(node)} has {key}={clean(f'{value:,}', 40)}", value=value
                    )

    def _count(self, node: dict[str, Any]) -> None:
        config = node.get("config")
        is_layer = "inbound_nodes" in node or (isinstance(config, dict) and "trainable" in config)
        if is_layer and isinstance(config, dict):
            _check_name(config.get("name"), node["class_name"])
        self.layers += is_layer and node["class_name"] != "InputLayer"
        if self.layers > MAX_LAYERS:
            raise RefusedError(
                f"the model has more than {MAX_LAYERS} layers", expected="a model that loads within a minute"
            )


def _check_name(name: object, kind: str) -> None:
    """Refuse a path for a name: Keras makes names into places in archives and folders, and takes a backslash for a slash there."""
    if isinstance(name, str) and (not {"/", "\\"}.isdisjoint(name) or name in (".", "..")):
        what = f"a layer of class {clean(kind, 60)} has the name '{clean(name, 80)}', which is a path"
        raise RefusedError(what, expected="a name without / and \\")


def _kind(node: dict[str, Any], where: Where, known: Known) -> tuple[Kind, str]:
    """Say whose class or function `node` names, and its name as a reader should see it."""
    kind, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    name = node.get("config") if kind == "function" else kind
    if (
        not isinstance(name, str)
        or not isinstance(module, str | None)
        or not isinstance(registered, str | None)
    ):
        raise RefusedError(
            f"{_place(where)} names a class by something that is not text",
            expected="class_name and module as Keras writes them",
        )
    if kind in _VALUES:
        return "value", kind
    if kind.startswith("__"):
        return "unsafe", clean(kind)
    full = clean(f"{module}.{name}" if module else name)
    is_known = full in (known.functions if kind == "function" else known.classes)
    # Whatever name of its own it claims: Keras falls back to its own class where nobody has registered that name, or where no module is given.
    if (_is_of_keras(module) and not is_known) or (not module and name in _UNSAFE):
        return "unsafe", full
    if registered and ">" in registered:
        return "custom", clean(registered)
    if ">" in name or module is None:
        return "custom", clean(name)
    if is_known:
        return "keras", full
    return "custom", clean(name) if module == "builtins" else full


def _is_of_keras(module: object) -> bool:
    return isinstance(module, str) and module.split(".")[0] == "keras"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _outermost(where: Where) -> object:
    key: object = None
    while where:
        where, key = where
    return key


def _builds_code(name: str) -> bool:
    """Whether the mere restoring of it is a risk; a lambda that only training needs is left out with compile=False."""
    return name != "__lambda__" and name.rpartition(".")[2] in _UNSAFE


def _reason(name: str) -> str:
    return _UNSAFE.get(name.rpartition(".")[2], _UNKNOWN)


def _layer_name(node: dict[str, Any]) -> str:
    config = node.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f" '{clean(name, 80)}'" if isinstance(name, str) else ""


def _place(where: Where) -> str:
    return f"config.json:{clean(_spelled(where), 120) or 'the model itself'}"


def _spelled(where: Where) -> str:
    keys = []
    while where:
        where, key = where
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(keys)).removeprefix(".")
