"""Variables of a model and of a copy rebuilt from its config.

Their shapes are compared and their values copied.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import walk_layers

__all__ = ["copy_variables", "has_equal_shapes"]


def has_equal_shapes(model: Any, rebuilt: Any) -> bool:
    """Whether both models have variables of the same shapes in the same order."""
    return [variable.shape for variable in model.variables] == [
        variable.shape for variable in rebuilt.variables
    ]


def copy_variables(model: Any, rebuilt: Any) -> None:
    """Give the values of the variables of `model` to `rebuilt`, by position.

    Normalization layers compute further tensors from their variables, and do so again afterwards.
    """
    for source, target in zip(model.variables, rebuilt.variables, strict=True):
        values = np.asarray(keras.ops.convert_to_numpy(source))
        is_raised = source.dtype != target.dtype and "float" in str(target.dtype)
        target.assign(values.astype("float64") if is_raised else values)
    for _, layer in walk_layers(rebuilt):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
