"""The structure in which a model takes its inputs and returns its outputs: one value, a list, or a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

__all__ = ["as_array", "build_shape", "input_names", "pack_inputs", "unpack_outputs"]


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


def unpack_outputs(outputs: Any, declared: Sequence[str]) -> dict[str, np.ndarray]:
    """Flatten a model's outputs to arrays by name.

    Args:
        outputs: what a call of the model has returned.
        declared: the names of its outputs; those of a dict, or of more outputs, are the paths in it.
    """
    leaves = keras.tree.flatten_with_path(outputs)
    if not isinstance(outputs, dict) and len(declared) == len(leaves):
        names = list(declared)
    else:
        names = ["/".join(str(step) for step in path) or "output" for path, _ in leaves]
    return {name: as_array(leaf) for name, (_, leaf) in zip(names, leaves, strict=True)}


def as_array(leaf: Any) -> np.ndarray:
    """Return a backend tensor as NumPy.

    Bfloat16 and float8, which NumPy does not have, as float32.
    """
    values = np.asarray(keras.ops.convert_to_numpy(leaf)) if not isinstance(leaf, np.ndarray) else leaf
    if values.dtype.kind == "O":
        return values.astype(str)
    return values.astype(np.float32) if values.dtype.kind == "V" else values


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
