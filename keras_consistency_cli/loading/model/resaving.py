"""Saving a live model and loading it again, and finding the differences afterwards.

The differences are weights, entries of the config, and constructor arguments that the config does not
contain.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, TypedDict

import keras
import numpy as np

from keras_consistency_cli.loading.model.layer_walk import is_keras_class, is_keras_method, walk_layers
from keras_consistency_cli.measurement.distance import same_bits
from keras_consistency_cli.text import clean

__all__ = [
    "ConfigDifference",
    "ForgottenArgument",
    "find_config_differences",
    "find_forgotten_arguments",
    "find_weight_differences",
    "load_again",
    "save_and_load",
]

_MAX_REPORTED = 20
_MAX_COMPARED = 10_000
_VALUE_WIDTH = 60
_FOR_ALL_LAYERS = frozenset({"self", "name", "dtype", "trainable", "autocast", "activity_regularizer"})
"""Keras takes these arguments for every layer, whatever its own constructor names."""


class ConfigDifference(TypedDict):
    """An entry of the config that is different after loading, with both values as text."""

    path: str
    before: str
    after: str


class ForgottenArgument(TypedDict):
    """A constructor argument that `get_config` leaves out, with its value as text."""

    layer: str
    kind: str
    argument: str
    value: str


def load_again(path: Path, *, custom_objects: Mapping[str, Any], compiled: bool, allow_unsafe: bool) -> Any:
    """Load a `.keras` file once more; exceptions of Keras are passed on."""
    return keras.models.load_model(
        path, custom_objects=dict(custom_objects), compile=compiled, safe_mode=not allow_unsafe
    )


def save_and_load(
    model: Any, *, custom_objects: Mapping[str, Any], allow_unsafe: bool, times: int = 1
) -> Generator[Any, None, None]:
    """Save `model` to a temporary file, load it `times` times and yield each loaded model.

    Exceptions of Keras are passed on; if saving fails, nothing has been yielded before.
    """
    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        for _ in range(times):
            yield load_again(path, custom_objects=custom_objects, compiled=True, allow_unsafe=allow_unsafe)


def find_weight_differences(live: Any, loaded: Any) -> list[str]:
    """Name the weights that are different in `loaded` or missing in one of the two models.

    They are compared by position, because names may be generated again when a model is loaded.
    """
    differences = []
    for before, after in islice(zip_longest(live.weights, loaded.weights), _MAX_COMPARED):
        if before is None or after is None:
            present, time = (after, "after") if before is None else (before, "before")
            differences.append(f"{clean(present.path)} (only {time})")
        elif not _has_same_bits(before, after):
            differences.append(clean(before.path))
    return differences[:_MAX_REPORTED]


def _has_same_bits(before: Any, after: Any) -> bool:
    a, b = (np.asarray(keras.ops.convert_to_numpy(variable)) for variable in (before, after))
    return same_bits(a, b)


def find_config_differences(live: Any, loaded: Any) -> list[ConfigDifference]:
    """Return the entries of the config that are different in `loaded`."""
    try:
        before, after = _serialize(live), _serialize(loaded)
    except Exception:
        # A config that cannot be written as JSON is not a finding here: saving has succeeded.
        return []
    differences = _walk_differences(before.get("config"), after.get("config"), "")
    return [
        ConfigDifference(path=path, before=clean(repr(a), _VALUE_WIDTH), after=clean(repr(b), _VALUE_WIDTH))
        for path, a, b in islice(differences, _MAX_REPORTED)
    ]


def _serialize(model: Any) -> dict[str, Any]:
    return dict(json.loads(json.dumps(keras.saving.serialize_keras_object(model), default=str)))


def _walk_differences(a: Any, b: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the leaves at which two JSON trees differ.

    A layer is shown by its name instead of its number. Names are not compared, because they may be generated
    again.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for key in (key for key in dict.fromkeys((*a, *b)) if key != "name"):
            shown = clean(key, 40)
            yield from _walk_differences(a.get(key), b.get(key), f"{path}/{shown}" if path else shown)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for number, (entry_a, entry_b) in enumerate(zip(a, b, strict=True)):
            yield from _walk_differences(entry_a, entry_b, f"{path}/{_entry_name(entry_a, number)}")
    elif a != b:
        yield path, a, b


def _entry_name(entry: Any, number: int) -> str:
    config = entry.get("config") if isinstance(entry, dict) else None
    return clean(config.get("name", number), 40) if isinstance(config, dict) else str(number)


def find_forgotten_arguments(model: Any) -> list[ForgottenArgument]:
    """Return constructor arguments of custom classes that `get_config` leaves out.

    Only plain values that the object has as attributes count, and only if the class overrides Keras's
    `get_config`, which would contain every argument. A layer that its owner creates again, as the backbones
    of keras_hub do, has no config in the file and loses nothing.
    """
    is_stored = _find_stored_layers(model)
    arguments = (
        argument
        for path, layer in [("", model), *walk_layers(model)]
        if is_stored(layer)
        for argument in _walk_forgotten_arguments(path, layer)
    )
    return list(islice(arguments, _MAX_REPORTED))


def _find_stored_layers(model: Any) -> Callable[[Any], bool]:
    """Return whether the config of a layer is part of the config of the model."""
    stored: set[tuple[str, str | None]] = set()
    nodes: list[Any]
    try:
        nodes = [_serialize(model)]
    except Exception:
        return lambda _layer: True
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict) and isinstance(node.get("config"), dict) and "class_name" in node:
            stored.add((str(node["class_name"]), node["config"].get("name")))
        nodes.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
    return lambda layer: (
        not stored.isdisjoint({(type(layer).__name__, layer.name), (type(layer).__name__, None)})
    )


def _walk_forgotten_arguments(path: str, layer: Any) -> Iterator[ForgottenArgument]:
    kind = type(layer)
    has_own_config = not is_keras_method(kind, "get_config") and is_keras_method(kind, "from_config")
    if is_keras_class(kind) or not has_own_config:
        return
    try:
        config = layer.get_config()
    except Exception:
        return
    for name, parameter in _constructor_parameters(kind).items():
        value = getattr(layer, name, getattr(layer, f"_{name}", None))
        if name not in config and parameter.default is not parameter.empty and _is_plain(value):
            yield ForgottenArgument(
                layer=path or clean(layer.name),
                kind=clean(kind.__name__),
                argument=clean(name),
                value=clean(repr(value), _VALUE_WIDTH),
            )


def _constructor_parameters(kind: type) -> dict[str, inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        parameters = inspect.signature(kind).parameters.items()
    except (TypeError, ValueError):
        return {}
    return {
        name: parameter
        for name, parameter in parameters
        if parameter.kind in named and name not in _FOR_ALL_LAYERS
    }


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str)) or (
        isinstance(value, (list, tuple)) and bool(value) and all(map(_is_plain, value))
    )
