"""Initializers in the config of a copy: random numbers that the weights of the model replace at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["without_random_initializers"]

_RANDOM = frozenset(
    {
        *("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
        *("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"),
    }
)
_ZEROS: Mapping[str, Any] = {
    "module": "keras.initializers",
    "class_name": "Zeros",
    "config": {},
    "registered_name": None,
}


def without_random_initializers(config: Any) -> Any:
    """Return the config with zeros in place of Keras's random initializers.

    Drawing the weights of a large model takes longer than all the rest of building it.
    """
    if isinstance(config, dict):
        return {
            key: {**_ZEROS, "config": {}} if _is_random(key, value) else without_random_initializers(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return [without_random_initializers(value) for value in config]
    return config


def _is_random(key: str, value: Any) -> bool:
    is_of_keras = isinstance(value, dict) and value.get("module") == "keras.initializers"
    return is_of_keras and key.endswith("_initializer") and value.get("class_name") in _RANDOM
