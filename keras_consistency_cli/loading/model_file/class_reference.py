"""One object of config.json that names a class or function, and whose it is.

The decision uses the names alone. Nothing is imported and nothing is looked up in Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model_file.known_classes import KnownNames
from keras_consistency_cli.loading.model_file.known_packages import find_package
from keras_consistency_cli.text import clean

__all__ = [
    "ClassReference",
    "Place",
    "builds_code",
    "classify",
    "is_of_keras",
    "outermost_key",
    "quoted_layer_name",
    "show_place",
    "unsafe_reason",
]

Place = tuple[()] | tuple["Place", object]
"""A place in the config as a chain (parent, key), which is spelled out only if a message needs it."""

_PLAIN_VALUES = frozenset(
    {"__keras_tensor__", "__slice__", "__ellipsis__", "__tensor__", "__numpy__", "__bytes__"}
)
"""Class names with which Keras marks plain values."""

_CALLS_FUNCTION = "calls a function named in the file"
_UNSAFE = {
    "Lambda": "holds Python code that would run",
    "__lambda__": "holds Python code that would run",
    "TFSMLayer": "loads and runs a TensorFlow SavedModel from outside the archive",
    "TorchModuleWrapper": "unpickles a PyTorch module, which can run any code",
    "JaxLayer": "holds functions that would run",
    "FlaxLayer": "holds functions that would run",
    "AssociativeScan": _CALLS_FUNCTION,
    "Cond": _CALLS_FUNCTION,
    "ForiLoop": _CALLS_FUNCTION,
    "Map": _CALLS_FUNCTION,
    "Scan": _CALLS_FUNCTION,
    "Switch": _CALLS_FUNCTION,
    "VectorizedMap": _CALLS_FUNCTION,
    "WhileLoop": _CALLS_FUNCTION,
}
_UNKNOWN = "is not a class or function of Keras that a model may name"


@dataclass(frozen=True, kw_only=True)
class ClassReference:
    """A class or function that a config names.

    `owner` is "keras", "package" for a known package, "custom" for code of the user, "unsafe" for code that
    may not run, or "value" for a plain value. `name` is the name as a message shows it, `package` the name of
    the known package as Python imports it.
    """

    owner: Literal["keras", "package", "custom", "unsafe", "value"]
    name: str
    package: str = ""


@dataclass(frozen=True, kw_only=True)
class _Names:
    """The names in one object of the config, all of them text."""

    class_name: str
    name: str
    module: str | None
    registered: str | None

    @property
    def full_name(self) -> str:
        return clean(f"{self.module}.{self.name}" if self.module else self.name)


def classify(node: Mapping[str, Any], place: Place, known: KnownNames) -> ClassReference:
    """Decide whose class or function `node` names.

    Args:
        node: an object of the config with a "class_name".
        place: where the object is in the config, for the message.
        known: Keras's own names.

    Raises:
        RefusedError: one of the names is not text.
    """
    names = _read_names(node, place)
    if names.class_name in _PLAIN_VALUES:
        return ClassReference(owner="value", name=names.class_name)
    if names.class_name.startswith("__"):
        return ClassReference(owner="unsafe", name=clean(names.class_name))
    is_function = names.class_name == "function"
    is_known = names.full_name in (known.functions if is_function else known.classes)
    if _is_unsafe(names, is_known=is_known):
        return ClassReference(owner="unsafe", name=names.full_name)
    package = find_package(names.name, names.module, names.registered, is_function=is_function)
    if package is not None:
        return ClassReference(owner="package", name=names.full_name, package=package)
    custom_name = _custom_name(names, is_known=is_known)
    if custom_name is not None:
        return ClassReference(owner="custom", name=custom_name)
    return ClassReference(owner="keras", name=names.full_name)


def _read_names(node: Mapping[str, Any], place: Place) -> _Names:
    class_name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    name = node.get("config") if class_name == "function" else class_name
    if (
        not isinstance(name, str)
        or not isinstance(module, str | None)
        or not isinstance(registered, str | None)
    ):
        raise RefusedError(
            f"{show_place(place)} names a class with a value that is not text",
            expected="class_name and module as Keras writes them",
        )
    return _Names(class_name=class_name, name=name, module=module, registered=registered)


def _is_unsafe(names: _Names, *, is_known: bool) -> bool:
    """Whether Keras could run a class of its own that carries code.

    The registered name in the file does not matter: Keras uses its own layer if that name is unknown or if
    the file gives no module. It never uses its own operations without a module (Keras 3.15.1), so a
    registered class may have the name of one.
    """
    if names.module:
        return is_of_keras(names.module) and not is_known
    is_registered_operation = _UNSAFE.get(names.name) == _CALLS_FUNCTION and ">" in (names.registered or "")
    return names.name in _UNSAFE and not is_registered_operation


def _custom_name(names: _Names, *, is_known: bool) -> str | None:
    """The name of a class of the user, None for a class of Keras."""
    if names.registered and ">" in names.registered:
        return clean(names.registered)
    if ">" in names.name or names.module is None:
        return clean(names.name)
    if is_known:
        return None
    return clean(names.name) if names.module == "builtins" else names.full_name


def is_of_keras(module: object) -> bool:
    """Whether `module` is the name of a module of Keras."""
    return isinstance(module, str) and module.split(".")[0] == "keras"


def builds_code(name: str) -> bool:
    """Whether restoring this class is a risk even if only training needs it.

    A lambda that only training needs is never built, because the model is loaded with compile=False.
    """
    return name != "__lambda__" and name.rpartition(".")[2] in _UNSAFE


def unsafe_reason(name: str) -> str:
    """Return the reason why this class may not run, as the end of a sentence."""
    return _UNSAFE.get(name.rpartition(".")[2], _UNKNOWN)


def quoted_layer_name(node: Mapping[str, Any]) -> str:
    """Return the layer's own name in quotes after a space, "" if it has none."""
    config = node.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f" '{clean(name, 80)}'" if isinstance(name, str) else ""


def outermost_key(place: Place) -> object:
    """Return the first key on the way to this place, None for the whole config."""
    key: object = None
    while place:
        place, key = place
    return key


def show_place(place: Place) -> str:
    """Return the place as "config.json:config.layers[2]"."""
    keys = []
    while place:
        place, key = place
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    path = "".join(reversed(keys)).removeprefix(".")
    return f"config.json:{clean(path, 120) or 'the model itself'}"
