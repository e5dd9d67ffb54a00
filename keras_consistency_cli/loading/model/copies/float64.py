"""The float64 copy of a model, with which rounding noise is measured.

The live model is serialized, every dtype below float64 in its config is raised, and it is rebuilt with the
same weights. If a part of it still computes in a narrower type, there is no float64 copy and the reason is
reported. TensorFlow only: other backends convert float64 combined with float32 to float32.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_consistency_cli.loading.model.copies.initializers import without_random_initializers
from keras_consistency_cli.loading.model.copies.variables import copy_variables, has_equal_shapes
from keras_consistency_cli.loading.model.keras_errors import describe_innermost
from keras_consistency_cli.text import clean

__all__ = [
    "Defaults",
    "PrecisionCopyRefused",
    "build_float64_copy",
    "copy_checked_variables",
    "dtype_policy_config",
    "float64_defaults",
    "float64_everywhere",
    "narrow_operations",
]

Defaults = Callable[[], AbstractContextManager[None]]
_NARROW = frozenset({"float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"})
_DTYPE_KEYS = frozenset({"dtype", "output_dtype", "compute_dtype", "autocast_dtype", "variable_dtype"})


class PrecisionCopyRefused(Exception):  # noqa: N818 - a reason that is reported, not an error
    """No copy in a different precision can be built of this model; the message says why."""


@contextlib.contextmanager
def float64_defaults() -> Iterator[None]:
    """Let Keras create and cast to float64 inside the context.

    The previous settings are restored after it.
    """
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


@contextlib.contextmanager
def float64_everywhere() -> Iterator[None]:
    """Let own code that names float32 get float64, too, inside the context."""
    # Imported here: this module is used on other backends, too.
    from keras_consistency_cli.loading.model.copies.literals import raised_literals

    with float64_defaults(), raised_literals():
        yield


def build_float64_copy(
    model: Any,
    *,
    custom_objects: dict[str, Any],
    sample: Any,
    allow_unsafe: bool = False,
    defaults: Defaults = float64_defaults,
) -> Any:
    """Return a float64 copy of `model` with the same weights.

    Args:
        model: a built Keras model on the TensorFlow backend.
        custom_objects: the custom classes and functions of the model, by name.
        sample: one packed float64 row for each input, with which a subclassed model is built.
        allow_unsafe: whether Lambda layers may be rebuilt.
        defaults: what lets Keras create float64, float64_defaults or float64_everywhere.

    Raises:
        PrecisionCopyRefused: it is quantized, cannot be rebuilt, or its variables do not match.
    """
    try:
        config = _raise_dtypes(without_random_initializers(keras.saving.serialize_keras_object(model)))
        with defaults(), keras.saving.custom_object_scope(custom_objects):
            float64_copy = keras.saving.deserialize_keras_object(
                config, custom_objects=custom_objects, safe_mode=not allow_unsafe
            )
            if not float64_copy.built or len(float64_copy.variables) != len(model.variables):
                float64_copy(sample, training=False)
    except PrecisionCopyRefused:
        raise
    except Exception as problem:
        raise PrecisionCopyRefused(
            f"it cannot be rebuilt in float64 ({describe_innermost(problem)})"
        ) from problem
    copy_checked_variables(model, float64_copy)
    return float64_copy


def dtype_policy_config(name: str) -> dict[str, Any]:
    """Return the serialized form of the dtype policy with this name."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": name},
        "registered_name": None,
    }


def _raise_dtypes(config: Any) -> Any:
    """The config with every dtype and dtype policy raised to float64."""
    if isinstance(config, dict):
        if config.get("class_name") == "QuantizedDTypePolicy" or config.get("quantization_config"):
            raise PrecisionCopyRefused("it is quantized")
        if _is_float_policy(config):
            return dtype_policy_config("float64")
        return {
            key: "float64" if _is_narrow(key, value) else _raise_dtypes(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return [_raise_dtypes(value) for value in config]
    return copy.copy(config)


def _is_float_policy(config: dict[str, Any]) -> bool:
    """Whether the config is of a dtype policy of floats.

    Layers that return integers have a policy of integers, which stays. A custom function has its name under
    "config".
    """
    inner = config.get("config")
    kind, name = config.get("class_name"), inner.get("name") if isinstance(inner, dict) else None
    return kind == "DTypePolicyMap" or (kind in ("DTypePolicy", "FloatDTypePolicy") and name in _NARROW)


def _is_narrow(key: str, value: Any) -> bool:
    return key in _DTYPE_KEYS and isinstance(value, str) and value in _NARROW


def copy_checked_variables(model: Any, rebuilt: Any) -> None:
    """Copy the variables of `model` to a copy rebuilt from its config.

    Raises:
        PrecisionCopyRefused: the copy has variables of different shapes.
    """
    if not has_equal_shapes(model, rebuilt):
        raise PrecisionCopyRefused("the model rebuilt from its config has different variables")
    copy_variables(model, rebuilt)


_LOW_TYPES = {1: "float32", 14: "bfloat16", 19: "float16"}
_DOUBLE = 2
_TYPE_KEYS = frozenset({"T", "dtype", "DstT", "out_type", "output_type"})
_CONSTANT = frozenset({"Const", "Shape", "ShapeN", "Size", "Rank"})
_READING = _CONSTANT | {"Placeholder", "NoOp"}


def narrow_operations(graph: Any) -> Iterator[str]:
    """Yield the operations of a TensorFlow graph that compute in a type below float64.

    These types are float32, float16 and bfloat16. The functions in the library of the graph are included.
    Numbers that depend on neither inputs nor weights are not: they are the same in the model.
    """
    definition = graph.as_graph_def()
    for body in (definition.node, *(function.node_def for function in definition.library.function)):
        harmless = _bit_readers(body) | _constants(body)
        for node in body:
            dtypes = {
                _LOW_TYPES[attribute.type]
                for key, attribute in node.attr.items()
                if attribute.type in _LOW_TYPES and key in _TYPE_KEYS
            }
            if dtypes and node.name not in harmless and not _only_reads(node):
                yield f"{clean(node.name)} ({node.op}, {', '.join(sorted(dtypes))})"


def _only_reads(node: Any) -> bool:
    """Whether the operation takes a narrow type without computing in it.

    Shape queries and casts to float64 do.
    """
    return node.op in _READING or (node.op == "Cast" and node.attr["DstT"].type == _DOUBLE)


def _constants(body: Any) -> set[str]:
    """The operations that compute on constants and shapes only, and draw no numbers.

    Each operation comes after its inputs.
    """
    found: set[str] = set()
    for node in body:
        inputs = _inputs_of(node)
        is_computed = bool(inputs) and found.issuperset(inputs) and "Random" not in node.op
        if node.op in _CONSTANT or is_computed:
            found.add(node.name)
    return found


def _inputs_of(node: Any) -> list[str]:
    return [source.removeprefix("^").split(":")[0] for source in node.input]


def _bit_readers(body: Any) -> set[str]:
    """The casts of which only the bits are read, and the operations that read them.

    keras.ops.argmax does so to distinguish -0.0 from 0.0; no number of low precision results from it.
    """
    consumers: dict[str, set[str]] = {}
    for node in body:
        for source in _inputs_of(node):
            consumers.setdefault(source, set()).add(node.op)
    casts = {node.name for node in body if node.op == "Cast" and consumers.get(node.name) == {"Bitcast"}}
    return casts | {
        node.name for node in body if node.op == "Bitcast" and node.attr["type"].type not in _LOW_TYPES
    }
