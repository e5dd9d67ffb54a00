"""The float64 copy: a copy of the model that computes in float64, so that rounding noise can be measured and subtracted.

The live model is serialised, every dtype below float64 in its config is raised, it is rebuilt and given the same weights. Where something in
it still computes in a narrower type, there is no float64 copy and the reason is told. TensorFlow only: other backends promote float64 with float32 down.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.facts import walk_layers
from keras_consistency_cli.text import clean

__all__ = [
    "Float64CopyRefused",
    "build_float64_copy",
    "copy_variables",
    "float64_defaults",
    "narrow_operations",
]

_NARROW = frozenset({"float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"})
_DTYPE_KEYS = frozenset({"dtype", "output_dtype", "compute_dtype", "autocast_dtype", "variable_dtype"})


class Float64CopyRefused(Exception):  # noqa: N818 - a reason, told as such
    """No float64 copy can be made of this model; the message says why."""


class float64_defaults:  # noqa: N801 - used like a function
    """Context in which Keras creates and casts to float64; what was set before is restored on leaving."""

    def __enter__(self) -> None:
        self._floatx, self._policy = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")

    def __exit__(self, *_exception: object) -> None:
        keras.config.set_floatx(self._floatx)
        keras.config.set_dtype_policy(self._policy)


def build_float64_copy(
    model: Any, *, custom_objects: dict[str, Any], sample: Any, allow_unsafe: bool = False
) -> Any:
    """Return a float64 copy of `model` with the same weights.

    Args:
        model: a built Keras model on the TensorFlow backend.
        custom_objects: what the model may name.
        sample: one packed float64 row per input, to build a subclassed model with.
        allow_unsafe: whether Lambda layers may be rebuilt.

    Raises:
        ShadowRefused: it is quantised, cannot be rebuilt, or its variables do not match.
    """
    try:
        config = _raised(keras.saving.serialize_keras_object(model))
        with float64_defaults(), keras.saving.custom_object_scope(custom_objects):
            float64_copy = keras.saving.deserialize_keras_object(
                config, custom_objects=custom_objects, safe_mode=not allow_unsafe
            )
            if not float64_copy.built or len(float64_copy.variables) != len(model.variables):
                float64_copy(sample, training=False)
    except Float64CopyRefused:
        raise
    except Exception as problem:
        raise Float64CopyRefused(
            f"it cannot be rebuilt in float64 ({type(problem).__name__}: {clean(problem, 120)})"
        ) from problem
    copy_variables(model, float64_copy)
    return float64_copy


def _raised(config: Any) -> Any:
    """The config with every dtype and dtype policy raised to float64."""
    if isinstance(config, dict):
        if config.get("class_name") == "QuantizedDTypePolicy" or config.get("quantization_config"):
            raise Float64CopyRefused("it is quantised")
        if _is_policy(config):
            return {
                "module": "keras",
                "class_name": "DTypePolicy",
                "config": {"name": "float64"},
                "registered_name": None,
            }
        return {key: "float64" if _is_narrow(key, value) else _raised(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_raised(value) for value in config]
    return copy.copy(config)


def _is_policy(config: dict[str, Any]) -> bool:
    """A dtype policy of floats; layers that put out whole numbers have one of whole numbers, which stays."""
    # A function of the user's own has its name there and no mapping.
    inner = config.get("config")
    kind, name = config.get("class_name"), inner.get("name") if isinstance(inner, dict) else None
    return kind == "DTypePolicyMap" or (kind in ("DTypePolicy", "FloatDTypePolicy") and name in _NARROW)


def _is_narrow(key: str, value: Any) -> bool:
    return key in _DTYPE_KEYS and isinstance(value, str) and value in _NARROW


def copy_variables(model: Any, float64_copy: Any) -> None:
    """Give the variables of `model` to a copy of it, by place, and let its Normalization layers take note.

    Raises:
        ShadowRefused: the copy has other variables.
    """
    mine, theirs = list(model.variables), list(float64_copy.variables)
    if [v.shape for v in mine] != [v.shape for v in theirs]:
        raise Float64CopyRefused("rebuilding it gives other variables than loading it")
    for source, target in zip(mine, theirs, strict=True):
        values = np.asarray(keras.ops.convert_to_numpy(source))
        target.assign(values.astype("float64") if "float" in str(target.dtype) else values)
    for _, layer in walk_layers(float64_copy):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def narrow_operations(graph: Any) -> Iterator[str]:
    """Yield the operations of a traced TensorFlow graph, its function library included, that compute in float32, float16 or bfloat16."""
    definition = graph.as_graph_def()
    for body in (definition.node, *(function.node_def for function in definition.library.function)):
        harmless = _looking_at_bits(body)
        for node in body:
            kinds = {
                _LOW_TYPES[attr.type]
                for key, attr in node.attr.items()
                if attr.type in _LOW_TYPES and key in _TYPE_KEYS
            }
            if kinds and node.name not in harmless and not _only_reads(node):
                yield f"{clean(node.name)} ({node.op}, {', '.join(sorted(kinds))})"


_LOW_TYPES = {1: "float32", 14: "bfloat16", 19: "float16"}
_TYPE_KEYS = frozenset({"T", "dtype", "DstT", "out_type", "output_type"})
_READING = frozenset({"Const", "Placeholder", "NoOp", "Shape", "ShapeN", "Size", "Rank"})


def _only_reads(node: Any) -> bool:
    """Shape queries and casts up to float64 take a narrow type without computing in it."""
    return node.op in _READING or (node.op == "Cast" and node.attr["DstT"].type == 2)


def _looking_at_bits(body: Any) -> set[str]:
    """A cast whose bits alone are looked at, as keras.ops.argmax does to tell -0.0 from 0.0: no number of low precision comes of it."""
    consumers: dict[str, set[str]] = {}
    for node in body:
        for source in node.input:
            consumers.setdefault(source.removeprefix("^").split(":")[0], set()).add(node.op)
    casts = {node.name for node in body if node.op == "Cast" and consumers.get(node.name) == {"Bitcast"}}
    return casts | {
        node.name for node in body if node.op == "Bitcast" and node.attr["type"].type not in _LOW_TYPES
    }
