"""A copy of the model in mixed precision, as used on hardware that computes in 16 bits.

The weights are the same; dtype policies of float32 are replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import keras

from keras_consistency_cli.loading.model.copies.float64 import (
    PrecisionCopyRefused,
    copy_checked_variables,
    dtype_policy_config,
)
from keras_consistency_cli.loading.model.copies.initializers import without_random_initializers
from keras_consistency_cli.loading.model.keras_errors import describe_innermost

__all__ = ["build_copy_with_raised_layers", "build_mixed_precision_copy"]


def build_mixed_precision_copy(
    model: Any, policy: str, *, custom_objects: Mapping[str, Any], sample: Any, allow_unsafe: bool = False
) -> Any:
    """Return a copy of `model` whose float32 layers compute under `policy`.

    Variables stay float32.

    Args:
        model: a built Keras model.
        policy: the name of a dtype policy, such as mixed_float16.
        custom_objects: the custom classes and functions of the model, by name.
        sample: one packed row for each input, with which a subclassed model is built.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        PrecisionCopyRefused: it cannot be rebuilt, or its variables do not match.
    """
    config = without_random_initializers(keras.saving.serialize_keras_object(model))
    config = _replace_policies(config, policy)
    return _rebuild(model, config, policy, custom_objects, sample, allow_unsafe=allow_unsafe)


def build_copy_with_raised_layers(
    model: Any,
    paths: Collection[str],
    *,
    custom_objects: Mapping[str, Any],
    sample: Any,
    allow_unsafe: bool = False,
) -> Any:
    """Return a copy of `model` whose layers at `paths` compute in float32.

    The other arguments and the errors are those of `build_mixed_precision_copy`.
    """
    names = {path.rpartition("/")[2] for path in paths}
    config = _raise_layers(keras.saving.serialize_keras_object(model), names)
    policy = keras.config.dtype_policy().name
    return _rebuild(model, config, policy, custom_objects, sample, allow_unsafe=allow_unsafe)


def _rebuild(
    model: Any,
    config: Any,
    policy: str,
    custom_objects: Mapping[str, Any],
    sample: Any,
    *,
    allow_unsafe: bool,
) -> Any:
    """Build a model from its config while Keras creates layers with this policy, and copy the weights."""
    usual_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        lowered = keras.saving.deserialize_keras_object(
            config, custom_objects=dict(custom_objects), safe_mode=not allow_unsafe
        )
        if not lowered.built or len(lowered.variables) != len(model.variables):
            lowered(sample, training=False)
    except Exception as problem:
        raise PrecisionCopyRefused(
            f"it cannot be rebuilt in {policy} ({describe_innermost(problem)})"
        ) from problem
    finally:
        keras.config.set_dtype_policy(usual_policy)
    copy_checked_variables(model, lowered)
    return lowered


def _raise_layers(config: Any, names: Collection[str]) -> Any:
    """The config in which every layer of these names has the policy float32."""
    if isinstance(config, (list, tuple)):
        return [_raise_layers(value, names) for value in config]
    if not isinstance(config, dict):
        return copy.copy(config)
    own = config.get("config")
    # The config that Keras makes for a custom layer may lack the name, which is also next to it.
    if isinstance(own, dict) and own.get("name", config.get("name")) in names and "dtype" in own:
        return {**config, "config": {**own, "dtype": dtype_policy_config("float32")}}
    return {key: _raise_layers(value, names) for key, value in config.items()}


def _replace_policies(config: Any, policy: str) -> Any:
    """The config with every float32 policy replaced.

    Dtypes of inputs and of stored numbers stay.
    """
    if isinstance(config, dict):
        is_policy = config.get("class_name") in ("DTypePolicy", "FloatDTypePolicy")
        if is_policy and config.get("config", {}).get("name") == "float32":
            return dtype_policy_config(policy)
        return {key: _replace_policies(value, policy) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_replace_policies(value, policy) for value in config]
    return copy.copy(config)
