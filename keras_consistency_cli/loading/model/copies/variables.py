"""Variables of a model and of a copy rebuilt from its config.

Their shapes are compared and their values copied.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.layer_walk import walk_layers
from keras_consistency_cli.loading.model.saved_layers import find_layers, order_variables, own_weights

__all__ = ["copy_layer", "copy_variables", "has_equal_shapes"]


def has_equal_shapes(model: Any, rebuilt: Any) -> bool:
    """Whether both models have variables of the same shapes."""
    return len(model.variables) == len(rebuilt.variables) and all(
        source.shape == target.shape for source, target in _pair_variables(model, rebuilt)
    )


def copy_variables(model: Any, rebuilt: Any) -> None:
    """Give the values of the variables of `model` to `rebuilt`.

    They are matched by their paths, or by position if Keras has given layers new names.

    Layers get the names of the originals. Keras gives a custom layer a new name if it has no get_config of
    its own, and its __init__ does not call its further arguments `kwargs`.

    Layers that Keras does not track, because a custom class keeps them in an object of its own, get theirs
    too, and layers for text and categories their vocabulary.
    Normalization layers compute further tensors from their variables, and do so again afterwards.
    """
    for source, target in _pair_variables(model, rebuilt):
        _copy_value(source, target)
    tracked = {id(variable) for variable in model.variables}
    originals, copies = list(find_layers(model)), list(find_layers(rebuilt))
    for original, copy in _pair(originals, copies, lambda found: found.path):
        for source, target in zip(own_weights(original.layer), own_weights(copy.layer), strict=False):
            if id(source) not in tracked and source.shape == target.shape:
                _copy_value(source, target)
        _copy_assets(original.layer, copy.layer)
        if len(originals) == len(copies) and type(original.layer) is type(copy.layer):
            copy.layer.name = original.layer.name
    for _, layer in walk_layers(rebuilt):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def copy_layer(original: Any, copied: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Give these variables of a layer to their copies, and its vocabulary to its copy."""
    for source, target in pairs:
        _copy_value(source, target)
    _copy_assets(original, copied)
    if isinstance(copied, keras.layers.Normalization):
        copied.finalize_state()


def _pair_variables(model: Any, rebuilt: Any) -> Iterator[tuple[Any, Any]]:
    return _pair(order_variables(model), order_variables(rebuilt), lambda variable: variable.path)


def _pair(
    originals: Sequence[Any], copies: Sequence[Any], path: Callable[[Any], str]
) -> Iterator[tuple[Any, Any]]:
    """Pair by path if both have the same paths, each once; else by position."""
    by_path = {path(copy): copy for copy in copies}
    has_same_paths = sorted(map(path, originals)) == sorted(by_path) and len(by_path) == len(copies)
    if has_same_paths:
        copies = [by_path[path(original)] for original in originals]
    return zip(originals, copies, strict=False)


def _copy_value(source: Any, target: Any) -> None:
    values = np.asarray(keras.ops.convert_to_numpy(source))
    is_raised = source.dtype != target.dtype and "float" in str(target.dtype)
    target.assign(values.astype("float64") if is_raised else values)


def _copy_assets(source: Any, target: Any) -> None:
    """Copy what a layer keeps in files instead of variables, such as a vocabulary, as saving does."""
    if not hasattr(source, "save_assets") or not hasattr(target, "load_assets"):
        return
    with tempfile.TemporaryDirectory(prefix="kcheck-") as folder:
        source.save_assets(folder)
        if not any(file.stat().st_size for file in Path(folder).iterdir()):
            return
        store: dict[str, Any] = {}
        source.save_own_variables(store)
        if store:
            target.load_own_variables(store)
        target.load_assets(folder)
