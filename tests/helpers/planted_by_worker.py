"""A layer that does harm in only one worker, which it recognises by a property of that worker.

Tests give this file to the command as --custom-objects.
"""

from __future__ import annotations

import os
from typing import Any

import keras

from tests.helpers.planted import HARM

__all__ = ["WHERE", "WorkerTrap"]


def _in_float64_copy(inputs: Any) -> bool:
    return bool(keras.backend.standardize_dtype(inputs.dtype) == "float64")


def _in_fresh(inputs: Any) -> bool:
    """Only the fresh worker creates copies in half precision."""
    return bool(keras.backend.standardize_dtype(inputs.dtype) == "float16")


def _in_kernels(_inputs: Any) -> bool:
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0"


WHERE = {"float64": _in_float64_copy, "fresh": _in_fresh, "kernels": _in_kernels}


@keras.saving.register_keras_serializable(package="planted")
class WorkerTrap(keras.layers.Layer):
    """Returns its inputs, and does harm in the worker named by `where`."""

    def __init__(self, how: str, where: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.where = how, where

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any) -> Any:
        if WHERE[self.where](inputs):
            HARM[self.how]()
        return inputs * 1.0

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how, "where": self.where}
