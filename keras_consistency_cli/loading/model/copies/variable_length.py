"""A copy of the model with the same weights whose inputs take series of any length.

With a batch size, the recurrent layers of the copy also keep their state from call to call.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from keras_consistency_cli.loading.model.copies.initializers import without_random_initializers
from keras_consistency_cli.loading.model.copies.variables import copy_variables, has_equal_shapes
from keras_consistency_cli.loading.model.keras_errors import describe_innermost

__all__ = ["CopyRefused", "build_variable_length_copy"]


class CopyRefused(Exception):  # noqa: N818 - a reason that is reported, not an error
    """No such copy can be built of this model; the message says why."""


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
        lengths: the lengths of axis 1 that become variable.
        custom_objects: the custom classes and functions of the model, by name.
        batch: if a number, recurrent layers keep their state and every batch has this size.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        CopyRefused: it cannot be rebuilt, or its variables do not match.
    """
    rewriter = _Rewriter(lengths=frozenset(lengths), batch=batch)
    try:
        config = rewriter.rewrite(without_random_initializers(keras.saving.serialize_keras_object(model)))
        with keras.saving.custom_object_scope(dict(custom_objects)):
            rebuilt = keras.saving.deserialize_keras_object(
                config, custom_objects=dict(custom_objects), safe_mode=not allow_unsafe
            )
        is_alike = has_equal_shapes(model, rebuilt)
    except Exception as problem:
        raise CopyRefused(
            f"it cannot be rebuilt for different lengths ({describe_innermost(problem)})"
        ) from problem
    if not rebuilt.built or not is_alike:
        raise CopyRefused("the model rebuilt for different lengths has different variables")
    copy_variables(model, rebuilt)
    return rebuilt


@dataclass(frozen=True, kw_only=True)
class _Rewriter:
    """The changes to a config.

    Lengths of axis 1 become variable, and recurrent layers stateful if there is a batch size.
    """

    lengths: frozenset[int]
    batch: int | None

    def rewrite(self, config: Any, *, holds_shapes: bool = False) -> Any:
        """Return the changed config.

        With `holds_shapes`, entries named "...shape" are the shapes that a layer was built with.
        """
        if isinstance(config, dict):
            is_recurrent = "return_sequences" in config and "stateful" in config
            changed = {key: self._rewrite_entry(key, value, holds_shapes) for key, value in config.items()}
            return {**changed, "stateful": True} if self.batch is not None and is_recurrent else changed
        if isinstance(config, (list, tuple)):
            return [self.rewrite(value, holds_shapes=holds_shapes) for value in config]
        return config

    def _rewrite_entry(self, key: str, value: Any, holds_shapes: bool) -> Any:
        """Change one entry.

        The declared shapes are those of inputs and those that layers were built with.
        """
        if key in ("batch_shape", "build_input_shape") or (holds_shapes and key.endswith("shape")):
            return self._free_shape(value, is_input=key == "batch_shape")
        return self.rewrite(value, holds_shapes=holds_shapes or key == "build_config")

    def _free_shape(self, shape: Any, *, is_input: bool) -> Any:
        """Return a shape, or a list or dict of shapes, without the length on axis 1.

        A shape of two axes has a length only if it is the shape of an input.
        """
        if isinstance(shape, dict):
            return {key: self._free_shape(value, is_input=is_input) for key, value in shape.items()}
        if not isinstance(shape, (list, tuple)) or not shape:
            return shape
        if any(isinstance(size, (list, tuple, dict)) for size in shape):
            return [self._free_shape(part, is_input=is_input) for part in shape]
        sizes = list(shape)
        if len(sizes) > 2 - is_input and sizes[1] in self.lengths:
            sizes[1] = None
        return [self.batch if self.batch is not None else sizes[0], *sizes[1:]]
