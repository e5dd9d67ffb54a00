"""Saving a live model and loading it again, and what is not the same afterwards: weights, entries of the config, arguments that it leaves out."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Generator, Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.text import clean

__all__ = [
    "find_config_differences",
    "find_forgotten_arguments",
    "load_again",
    "save_and_load",
    "find_weight_differences",
]

_MOST = 20
_SHOWN = 60
# Keras takes these for every layer, whatever its own constructor says.
_FOR_ALL_LAYERS = frozenset({"self", "name", "dtype", "trainable", "autocast", "activity_regularizer"})


def load_again(path: Path, *, custom_objects: Mapping[str, Any], compiled: bool, allow_unsafe: bool) -> Any:
    """Load a `.keras` file once more; whatever Keras raises is passed on."""
    return keras.models.load_model(
        path, custom_objects=dict(custom_objects), compile=compiled, safe_mode=not allow_unsafe
    )


def save_and_load(
    model: Any, *, custom_objects: Mapping[str, Any], allow_unsafe: bool, times: int = 1
) -> Generator[Any, None, None]:
    """Save `model` into a temporary file and yield what comes back, `times` times over.

    Everything that Keras raises is passed on; nothing has been yielded where saving itself went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        for _ in range(times):
            yield load_again(path, custom_objects=custom_objects, compiled=True, allow_unsafe=allow_unsafe)


def find_weight_differences(live: Any, loaded: Any) -> list[str]:
    """Name the weights that are not the same in `loaded`, or that only one of the two has; by their place, for names may be made up anew."""
    found = []
    for mine, theirs in islice(zip_longest(live.weights, loaded.weights), 10_000):
        if mine is None or theirs is None:
            found.append(f"{clean((mine or theirs).path)} (only {'before' if theirs is None else 'after'})")
        elif not _same(mine, theirs):
            found.append(clean(mine.path))
    return found[:_MOST]


def _same(mine: Any, theirs: Any) -> bool:
    a, b = (np.asarray(keras.ops.convert_to_numpy(variable)) for variable in (mine, theirs))
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def find_config_differences(live: Any, loaded: Any) -> list[dict[str, str]]:
    """Return the entries of the config that are not the same in `loaded`, as `path`, `before` and `after` in words."""
    try:
        mine, theirs = (
            json.loads(json.dumps(keras.saving.serialize_keras_object(each), default=str))
            for each in (live, loaded)
        )
    except Exception:
        # A config that cannot be put into words is no news here: saving has gone well.
        return []
    found = islice(_differing(mine.get("config"), theirs.get("config"), ""), _MOST)
    return [
        {"path": path, "before": clean(repr(a), _SHOWN), "after": clean(repr(b), _SHOWN)}
        for path, a, b in found
    ]


def _differing(a: Any, b: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the leaves at which two JSON trees part; a layer goes by its name instead of its number, and names may be made up anew."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in (key for key in dict.fromkeys((*a, *b)) if key != "name"):
            yield from _differing(
                a.get(key), b.get(key), f"{path}/{clean(key, 40)}" if path else clean(key, 40)
            )
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _differing(one, other, f"{path}/{_named(one, number)}")
    elif a != b:
        yield path, a, b


def _named(entry: Any, number: int) -> str:
    config = entry.get("config") if isinstance(entry, dict) else None
    return clean(config.get("name", number), 40) if isinstance(config, dict) else str(number)


def find_forgotten_arguments(model: Any) -> list[dict[str, str]]:
    """Return constructor arguments of the model's own classes that `get_config` leaves out although the object keeps them.

    Only plain values count, and only where a `get_config` of the class's own stands in for the one of Keras, which knows every argument.
    """
    return [found for path, layer in [("", model), *walk_layers(model)] for found in _forgotten(path, layer)][
        :_MOST
    ]


def _forgotten(path: str, layer: Any) -> Iterator[dict[str, str]]:
    kind = type(layer)
    if (
        kind.__module__.startswith("keras.")
        or not _overrides(kind, "get_config")
        or _overrides(kind, "from_config")
    ):
        return
    try:
        config = layer.get_config()
    except Exception:
        return
    for name, parameter in _arguments(kind).items():
        value = getattr(layer, name, getattr(layer, f"_{name}", None))
        if name not in config and parameter.default is not parameter.empty and _is_plain(value):
            yield {
                "layer": path or clean(layer.name),
                "kind": clean(kind.__name__),
                "argument": clean(name),
                "value": clean(repr(value), _SHOWN),
            }


def _overrides(kind: type, method: str) -> bool:
    owner = next((base for base in kind.__mro__ if method in vars(base)), object)
    return not owner.__module__.startswith("keras.")


def _arguments(kind: type) -> dict[str, inspect.Parameter]:
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
