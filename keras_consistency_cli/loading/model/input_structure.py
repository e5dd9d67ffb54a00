"""The structure in which a model takes its inputs: one value, a list, or a dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

__all__ = ["build_shape", "input_names", "pack_inputs"]


def input_names(model: Any) -> list[str]:
    """Return the keys under which a model takes its inputs as a dict.

    They have the order of `model.inputs`; there are none for models that do not take a dict.
    """
    struct = getattr(model, "_inputs_struct", None)
    if not isinstance(struct, dict):
        return []
    return [str(path[-1]) for path, _ in keras.tree.flatten_with_path(struct)]


def pack_inputs(model: Any, values: Mapping[str, Any]) -> Any:
    """Return one value for each input in the structure that a model is called with.

    One value, a list in the order of the inputs, or a dict.
    """
    if _takes_dict(model):
        return dict(zip(input_names(model) or values, values.values(), strict=True))
    return next(iter(values.values())) if len(values) == 1 else list(values.values())


def _takes_dict(model: Any) -> bool:
    if isinstance(getattr(model, "_inputs_struct", None), dict):
        return True
    return isinstance(build_shape(model), dict)


def build_shape(model: Any) -> Any:
    """Return the shapes with which a model was built, None if they are not known."""
    try:
        return (model.get_build_config() or {}).get("input_shape")
    except Exception:
        return None
