"""The classes and functions that a saved model names.

They belong to Keras, are custom, or carry code. They are read from the config alone, before Keras is
imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.class_reference import (
    ClassReference,
    Place,
    builds_code,
    classify,
    is_of_keras,
    outermost_key,
    quoted_layer_name,
    show_place,
    unsafe_reason,
)
from keras_consistency_cli.loading.model_file.known_classes import KnownNames
from keras_consistency_cli.loading.model_file.user_functions import functions_called_by_lambda
from keras_consistency_cli.text import clean

__all__ = ["Inspection", "LargestSize", "inspect_config"]

MAX_LAYERS = 2000
_MAX_ENTRIES = 5_000_000
_COMPILE = "compile_config"

_SIZES = (
    "depth_multiplier",
    "filters",
    "input_dim",
    "kernel_size",
    "key_dim",
    "num_heads",
    "output_dim",
    "units",
    "value_dim",
)
"""Settings that decide the size of weights: never negative, never far above the count of stored numbers."""


_FILE_SETTINGS = ("vocabulary", "merges", "proto")
"""Settings of layers for text that are read from a file if they are a path."""


@dataclass(frozen=True, kw_only=True)
class LargestSize:
    """The largest of the settings that decide the size of weights; value 0 if there is none.

    `where` names the layer and the setting.
    """

    where: str = ""
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The classes and functions that a config names.

    `custom`, `unsafe` and `custom_compile` are ready to print. `custom_compile` are needed for training only.
    `packages` are the known packages besides Keras, by the name that Python imports. `lambda_functions` are
    the functions of the user that Lambda layers call.
    """

    classes: tuple[str, ...]
    custom: tuple[str, ...]
    unsafe: tuple[str, ...]
    custom_compile: tuple[str, ...]
    layers: int
    largest: LargestSize
    packages: tuple[str, ...] = ()
    lambda_functions: tuple[str, ...] = ()


def inspect_config(config: Mapping[str, Any], known: KnownNames) -> Inspection:
    """Sort every class and function that `config` names.

    Args:
        config: config.json, parsed.
        known: Keras's own names.

    Raises:
        RefusedError: a class without a readable name, a negative size, or more layers or entries than a real
            model has.
    """
    inspector = _Inspector(known)
    inspector.walk(config)
    return Inspection(
        classes=tuple(sorted(inspector.classes)),
        custom=tuple(dict.fromkeys(inspector.custom)),
        unsafe=tuple(inspector.unsafe),
        custom_compile=tuple(dict.fromkeys(inspector.custom_compile)),
        layers=inspector.layers,
        largest=inspector.largest,
        packages=tuple(sorted(inspector.packages)),
        lambda_functions=tuple(dict.fromkeys(inspector.lambda_functions)),
    )


class _Inspector:
    """The walk through a config, and the names collected on the way."""

    def __init__(self, known: KnownNames) -> None:
        self._known = known
        self.classes: set[str] = set()
        self.custom: list[str] = []
        self.unsafe: list[str] = []
        self.custom_compile: list[str] = []
        self.packages: set[str] = set()
        self.lambda_functions: list[str] = []
        self.layers = 0
        self.largest = LargestSize()

    def walk(self, config: Mapping[str, Any]) -> None:
        """Visit all objects in the order of the file."""
        stack: list[tuple[Mapping[str, Any] | list[Any], Place, bool]] = [(config, (), False)]
        entry_count = 0
        while stack:
            node, place, is_inside_unsafe = stack.pop()
            entry_count += len(node)
            if entry_count > _MAX_ENTRIES:
                raise RefusedError(f"config.json holds more than {_MAX_ENTRIES:,} entries")
            if _names_a_class(node):
                unsafe_before = len(self.unsafe)
                self._add(node, place, is_inside_unsafe=is_inside_unsafe)
                is_inside_unsafe = is_inside_unsafe or len(self.unsafe) > unsafe_before
            children = [(child, (place, key), is_inside_unsafe) for key, child in _containers(node)]
            stack.extend(reversed(children))

    def _add(self, node: Mapping[str, Any], place: Place, *, is_inside_unsafe: bool) -> None:
        """Sort one object that names a class."""
        reference = classify(node, place, self._known)
        if reference.owner == "value":
            return
        self.classes.add(reference.name)
        functions = functions_called_by_lambda(node, self._known)
        self.lambda_functions.extend(functions)
        if not functions:
            self._add_foreign(reference, node, place, is_inside_unsafe=is_inside_unsafe)
        is_custom_of_keras = reference.owner == "custom" and is_of_keras(node.get("module"))
        if reference.owner in ("keras", "package") or is_custom_of_keras:
            self._read_settings(node, reference.name, place)
        if place and outermost_key(place) != _COMPILE:
            self._count_layer(node)

    def _add_foreign(
        self, reference: ClassReference, node: Mapping[str, Any], place: Place, *, is_inside_unsafe: bool
    ) -> None:
        """Keep a class or function that is not an ordinary one of Keras."""
        is_unsafe, is_for_training = reference.owner == "unsafe", outermost_key(place) == _COMPILE
        if reference.owner == "keras":
            return
        if reference.owner == "package" and not is_for_training:
            self.packages.add(reference.package)
        elif is_for_training and not (is_unsafe and builds_code(reference.name)):
            self.custom_compile.append(reference.name)
        elif not is_unsafe:
            self.custom.append(reference.name)
        elif not is_inside_unsafe:
            shown = f"{reference.name}{quoted_layer_name(node)} at {show_place(place)}"
            self.unsafe.append(f"{shown}, which {unsafe_reason(reference.name)}")

    def _read_settings(self, node: Mapping[str, Any], name: str, place: Place) -> None:
        """Look for a vocabulary in another file and for sizes in the settings of a layer of Keras."""
        config = node.get("config")
        if not isinstance(config, dict):
            return
        for key in _FILE_SETTINGS:
            if isinstance(path := config.get(key), str):
                shown = f"{name}{quoted_layer_name(node)} at {show_place(place)}"
                self.unsafe.append(f"{shown}, which reads its {key} from the file '{clean(path, 80)}'")
        for key in _SIZES:
            for size in _whole_numbers(config.get(key)):
                self._check_size(f"{name}{quoted_layer_name(node)} has {key}", size)

    def _check_size(self, where: str, size: int) -> None:
        if size < 0:
            raise RefusedError(f"{where}={clean(size, 40)}", expected="a positive number")
        if size > self.largest.value:
            self.largest = LargestSize(where=f"{where}={clean(f'{size:,}', 40)}", value=size)

    def _count_layer(self, node: Mapping[str, Any]) -> None:
        config = node.get("config")
        is_layer = "inbound_nodes" in node or (isinstance(config, dict) and "trainable" in config)
        if is_layer and isinstance(config, dict):
            _check_name(config.get("name"), node["class_name"])
        self.layers += is_layer and node["class_name"] != "InputLayer"
        if self.layers > MAX_LAYERS:
            raise RefusedError(
                f"the model has more than {MAX_LAYERS} layers", expected="a model that loads within a minute"
            )


def _names_a_class(node: Mapping[str, Any] | list[Any]) -> TypeGuard[Mapping[str, Any]]:
    return (
        isinstance(node, dict)
        and "class_name" in node
        and not node.keys().isdisjoint({"config", "module", "registered_name"})
    )


def _containers(node: Mapping[str, Any] | list[Any]) -> Iterator[tuple[object, dict[str, Any] | list[Any]]]:
    """The lists and objects directly inside a list or object, with their keys."""
    for key, child in node.items() if isinstance(node, Mapping) else enumerate(node):
        if isinstance(child, (dict, list)):
            yield key, child


def _whole_numbers(setting: object) -> Iterator[int]:
    """The whole numbers in a setting that is a number or a list of them."""
    for value in setting if isinstance(setting, list) else [setting]:
        if isinstance(value, int) and not isinstance(value, bool):
            yield value


def _check_name(name: object, class_name: str) -> None:
    """Refuse a layer name that is a path.

    Keras builds paths in archives and folders from names, and reads a backslash as a slash there.
    """
    if isinstance(name, str) and (not {"/", "\\"}.isdisjoint(name) or name in (".", "..")):
        raise RefusedError(
            f"a layer of class {clean(class_name, 60)} has the name '{clean(name, 80)}', which is a path",
            expected="a name without / and \\",
        )
