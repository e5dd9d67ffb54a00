"""The refusal of a file that Keras wrote, in which it misses weights when it loads the file.

Dense, convolutions and Embedding save their own weights and none that a subclass adds. A layer that is inside
two wrappers is saved once and built twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_consistency_cli.errors import KcheckError, RefusedError
from keras_consistency_cli.loading.model.layer_walk import is_keras_class
from keras_consistency_cli.loading.model_file.archive import list_first, read_archive
from keras_consistency_cli.text import clean, unstyled

__all__ = ["missing_weights_error"]

_MISSING = re.compile(
    r"object <(?P<kind>\w+) name=(?P<layer>[^,>]+).*?expected (?P<built>\d+) variables, "
    r"but received (?P<stored>\d+) variables during loading\. Expected: \[(?P<names>[^\]]*)\]",
    re.DOTALL,
)
"""What Keras says of the first layer that has more weights than the file holds for it."""


class _Misfit(NamedTuple):
    """A layer with more weights than its group in the file."""

    kind: str
    layer: str
    stored: int
    names: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The weights that the file does not hold, which are the last ones."""
        return self.names[self.stored :]


def missing_weights_error(
    path: Path, problem: Exception, custom_objects: Mapping[str, Any]
) -> RefusedError | None:
    """Return the refusal if Keras did not save or does not find weights of a layer, otherwise None.

    Args:
        path: the file, which has passed `read_archive`.
        problem: what Keras raised.
        custom_objects: the custom classes by name.
    """
    found = _MISSING.search(unstyled(problem))
    if found is None or int(found["stored"]) >= int(found["built"]):
        return None
    names = tuple(name.strip(" '\"") for name in found["names"].split(","))
    misfit = _Misfit(kind=found["kind"], layer=found["layer"], stored=int(found["stored"]), names=names)
    base = _class_that_saves(misfit, custom_objects)
    if base is not None:
        return _own_weights_error(path, misfit, base)
    return _shared_layer_error(path, misfit) if _is_built_twice(path, misfit) else None


def _class_that_saves(misfit: _Misfit, custom_objects: Mapping[str, Any]) -> str | None:
    """Return the nearest class of Keras whose weights alone this custom layer saves, None if it saves all."""
    known = (*custom_objects.values(), *keras.saving.get_custom_objects().values())
    classes = (each for each in known if isinstance(each, type) and issubclass(each, keras.Layer))
    kind = next((each for each in classes if each.__name__ == misfit.kind), None)
    if kind is None or not misfit.stored:
        return None
    saves = next(each for each in kind.__mro__ if "save_own_variables" in vars(each))
    if not is_keras_class(saves) or saves is keras.Layer:
        return None
    public = (each for each in kind.__mro__ if issubclass(each, saves) and _is_exported(each))
    return next(public, saves).__name__


def _is_exported(kind: type) -> bool:
    """Whether keras.layers has this class; Conv2D inherits from one that it does not have."""
    return getattr(keras.layers, kind.__name__, None) is kind


def _own_weights_error(path: Path, misfit: _Misfit, base: str) -> RefusedError:
    kind, layer = clean(misfit.kind, 60), clean(misfit.layer, 60)
    names = list_first([f"'{clean(name, 60)}'" for name in misfit.missing])
    return RefusedError(
        f"{clean(path)} lacks {names} of '{layer}', so Keras cannot load its own file: {kind} inherits "
        f"save_own_variables from {base}, which saves the weights of {base} only",
        fix=f"let {kind} hold a layer, self.inner = keras.layers.{base}(…), instead of deriving from "
        f"{base}; or write save_own_variables and load_own_variables for all weights; the lost values are "
        "not in this file: save again from the process that trained, or train again",
        cause="subclass-weights-not-saved",
    )


def _is_built_twice(path: Path, misfit: _Misfit) -> bool:
    """Whether the config contains the layer in two places, and the file has weights for one of them."""
    if misfit.stored:
        return False
    try:
        config = read_archive(path, custom_objects=True, allow_unsafe=True, loads=False).config
    except KcheckError:
        return False
    return sum(each == (misfit.kind, misfit.layer) for each in _walk_layers(config)) > 1


def _walk_layers(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the class and the name of each layer in a config."""
    nodes: list[Any] = [config]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict) and isinstance(node.get("config"), dict) and "class_name" in node:
            yield str(node["class_name"]), str(node["config"].get("name"))
        nodes.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())


def _shared_layer_error(path: Path, misfit: _Misfit) -> RefusedError:
    kind, layer = clean(misfit.kind, 60), clean(misfit.layer, 60)
    return RefusedError(
        f"{clean(path)} cannot be loaded: '{layer}' ({kind}) is in two layers, such as TimeDistributed; "
        "Keras saved its weights once, builds it twice, and finds no weights for the second",
        fix="use one wrapper in both places: shared = keras.layers.TimeDistributed(inner); shared(a), "
        "shared(b); the weights are in this file: build the model with the old code, "
        "old.load_weights('model.keras'), then new.set_weights(old.get_weights()) and save it",
        cause="shared-layer-not-loadable",
    )
