"""A copy of the model in mixed precision, as served on hardware that multiplies in 16 bits: the same weights, float32 policies lowered."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import keras

from keras_consistency_cli.loading.model.float64 import Float64CopyRefused, copy_variables
from keras_consistency_cli.text import clean

__all__ = ["build_mixed_precision_copy"]


def build_mixed_precision_copy(
    model: Any, policy: str, *, custom_objects: Mapping[str, Any], sample: Any, allow_unsafe: bool = False
) -> Any:
    """Return a copy of `model` whose float32 layers compute under `policy`, such as mixed_float16; variables stay float32.

    Args:
        model: a built Keras model.
        policy: the name of a dtype policy.
        custom_objects: what the model may name.
        sample: one packed row per input, to build a subclassed model with.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        ShadowRefused: it cannot be rebuilt, or its variables do not match.
    """
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        config = _lowered(keras.saving.serialize_keras_object(model), policy)
        lowered = keras.saving.deserialize_keras_object(
            config, custom_objects=dict(custom_objects), safe_mode=not allow_unsafe
        )
        if not lowered.built or len(lowered.variables) != len(model.variables):
            lowered(sample, training=False)
    except Exception as problem:
        raise Float64CopyRefused(
            f"it cannot be rebuilt in {policy} ({type(problem).__name__}: {clean(problem, 120)})"
        ) from problem
    finally:
        keras.config.set_dtype_policy(usual)
    copy_variables(model, lowered)
    return lowered


def _lowered(config: Any, policy: str) -> Any:
    """The config with every float32 policy replaced; the dtype of inputs and of numbers kept in the config stays."""
    if isinstance(config, dict):
        if (
            config.get("class_name") in ("DTypePolicy", "FloatDTypePolicy")
            and config.get("config", {}).get("name") == "float32"
        ):
            return {
                "module": "keras",
                "class_name": "DTypePolicy",
                "config": {"name": policy},
                "registered_name": None,
            }
        return {key: _lowered(value, policy) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_lowered(value, policy) for value in config]
    return copy.copy(config)
