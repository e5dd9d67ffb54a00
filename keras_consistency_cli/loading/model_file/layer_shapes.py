"""Output shapes of layers, read from config.json without running a layer.

A layer may record the shape itself, the layers that take its output may, or a rule of its class may give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_consistency_cli.text import clean

__all__ = ["Shape", "as_shape", "read_build_shape", "read_output_shapes", "shape_by_rule"]

Shape = tuple[int | None, ...]

_MAX_RANK = 32
_SAME_SHAPE = frozenset(
    {
        "Activation",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "GroupNormalization",
        "Identity",
        "LayerNormalization",
        "LeakyReLU",
        "Masking",
        "Normalization",
        "PReLU",
        "RMSNormalization",
        "ReLU",
        "Rescaling",
        "Softmax",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "UnitNormalization",
    }
)
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})


def read_output_shapes(settings: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the output shapes that the consumers of layers have recorded, by layer name."""
    layers = settings.get("layers")
    stack: list[object] = (
        [node.get("inbound_nodes") for node in layers if isinstance(node, dict)]
        if isinstance(layers, list)
        else []
    )
    shapes: dict[str, Shape] = {}
    while stack:
        node = stack.pop()
        if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
            _add_tensor(node.get("config"), shapes)
        elif isinstance(node, dict | list):
            stack.extend(node.values() if isinstance(node, dict) else node)
    return shapes


def _add_tensor(tensor: object, shapes: dict[str, Shape]) -> None:
    if not isinstance(tensor, dict):
        return
    history, shape = tensor.get("keras_history"), as_shape(tensor.get("shape"))
    if isinstance(history, list) and history and isinstance(history[0], str) and shape is not None:
        shapes.setdefault(clean(history[0], 80), shape)


def read_build_shape(node: Mapping[str, Any]) -> Shape | None:
    """Return the input shape that a layer or model was built with, None if it is not recorded."""
    build = node.get("build_config")
    return as_shape(build.get("input_shape")) if isinstance(build, dict) else None


def shape_by_rule(node: Mapping[str, Any], previous: Shape | None) -> Shape | None:
    """Return the output shape of a layer whose class determines it, None for other classes.

    Args:
        node: the layer's entry in the config.
        previous: the output shape of the layer before it, if there is one.
    """
    input_shape, settings, class_name = read_build_shape(node) or previous, node["config"], node["class_name"]
    units = settings.get("units")
    if class_name == "InputLayer":
        return as_shape(settings.get("batch_shape"))
    if input_shape is None or class_name in _SAME_SHAPE:
        return input_shape
    if isinstance(units, int) and class_name == "Dense":
        return (*input_shape[:-1], units)
    if isinstance(units, int) and class_name in _RECURRENT:
        return (*input_shape[:2], units) if settings.get("return_sequences") else (input_shape[0], units)
    return None


def as_shape(value: object) -> Shape | None:
    """Return a shape as Keras writes it, None for anything else.

    The shapes of several inputs are not one shape.
    """
    if not isinstance(value, list) or not value or len(value) > _MAX_RANK:
        return None
    return tuple(value) if all(size is None or _is_whole(size) for size in value) else None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
