"""A twin: a copy of the model with the same weights whose inputs take series of any length, or that carries its state over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.text import clean

__all__ = ["CopyRefused", "build_variable_length_copy"]


class CopyRefused(Exception):  # noqa: N818 - a reason, told as such
    """No such twin can be made of this model; the message says why."""


def build_variable_length_copy(
    model: Any,
    *,
    lengths: Collection[int],
    custom_objects: Mapping[str, Any],
    batch: int | None = None,
    allow_unsafe: bool = False,
) -> Any:
    """Return a copy of `model` that takes series of any length.

    Args:
        model: a built Functional or Sequential model.
        lengths: lengths of axis 1 that are to become free.
        custom_objects: what the model may name.
        batch: with a number, recurrent layers carry their state and every batch has this size.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        CopyRefused: it cannot be rebuilt, or its variables do not match.
    """
    try:
        config = _loosened(keras.saving.serialize_keras_object(model), frozenset(lengths), batch)
        with keras.saving.custom_object_scope(dict(custom_objects)):
            twin = keras.saving.deserialize_keras_object(
                config, custom_objects=dict(custom_objects), safe_mode=not allow_unsafe
            )
        mine, theirs = list(model.variables), list(twin.variables)
    except Exception as problem:
        raise CopyRefused(
            f"it cannot be rebuilt for other lengths ({type(problem).__name__}: {clean(problem, 120)})"
        ) from problem
    if not twin.built or [each.shape for each in mine] != [each.shape for each in theirs]:
        raise CopyRefused("rebuilt for other lengths it has other variables")
    for source, target in zip(mine, theirs, strict=True):
        target.assign(np.asarray(keras.ops.convert_to_numpy(source)))
    for _, layer in walk_layers(twin):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return twin


def _loosened(config: Any, lengths: frozenset[int], batch: int | None, *, shapes: bool = False) -> Any:
    """The config with the lengths of axis 1 taken out of every declared shape, and recurrent layers made stateful where a batch is given."""
    if isinstance(config, dict):
        recurrent = batch is not None and "return_sequences" in config and "stateful" in config
        changed = {key: _entry(key, value, lengths, batch, shapes) for key, value in config.items()}
        return {**changed, "stateful": True} if recurrent else changed
    if isinstance(config, (list, tuple)):
        return [_loosened(value, lengths, batch, shapes=shapes) for value in config]
    return config


def _entry(key: str, value: Any, lengths: frozenset[int], batch: int | None, shapes: bool) -> Any:
    """One entry of a config: declared shapes are those of an input and those that layers were built with."""
    if key in ("batch_shape", "build_input_shape") or (shapes and key.endswith("shape")):
        return _free(value, lengths, batch, flat=key == "batch_shape")
    return _loosened(value, lengths, batch, shapes=shapes or key == "build_config")


def _free(shape: Any, lengths: frozenset[int], batch: int | None, *, flat: bool) -> Any:
    """A shape, or several in a list or dict, without the length on axis 1; one of two axes only where it is an input's."""
    if isinstance(shape, dict):
        return {key: _free(value, lengths, batch, flat=flat) for key, value in shape.items()}
    if not isinstance(shape, (list, tuple)) or not shape:
        return shape
    if any(isinstance(each, (list, tuple, dict)) for each in shape):
        return [_free(each, lengths, batch, flat=flat) for each in shape]
    free = list(shape)
    if len(free) > 2 - flat and free[1] in lengths:
        free[1] = None
    return [batch if batch is not None else free[0], *free[1:]]
