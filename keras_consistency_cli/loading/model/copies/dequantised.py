"""A float copy of a quantised model: the same layers, with the numbers that the quantised weights stand for.

The dtype policies of its quantised layers are replaced by the policies that they were quantised from. A layer
that computes with its scales gives the same outputs as its float twin, except for the rounding of its inputs.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused, dtype_policy_config
from keras_consistency_cli.loading.model.copies.quantised_weights import (
    CALIBRATION_MARKS,
    Quantised,
    is_calibrated,
    is_quantised,
    read_quantised,
)
from keras_consistency_cli.loading.model.copies.variables import copy_layer
from keras_consistency_cli.loading.model.saved_layers import find_layers, own_weights
from keras_consistency_cli.text import clean

__all__ = ["DequantisedCopy", "Twin", "build_dequantised_copy"]

_DROPPED = frozenset({"quantization_config", "lora_rank", "lora_alpha"})
"""Entries of the config of a quantised layer that its float twin has not: its kernel has LoRA merged.

GPTQ and AWQ also leave the first of them in layers that stay in floats.
"""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A float layer of the copy, and what its quantised original computes with."""

    path: str
    layer: Any
    quantised: Quantised

    @property
    def weights(self) -> Any:
        """The variable that holds the kernel or the embeddings."""
        return _float_weights(self.layer)


@dataclass(frozen=True, kw_only=True)
class DequantisedCopy:
    """A copy of a model in which quantised layers compute with floats."""

    model: Any
    twins: tuple[Twin, ...]


def build_dequantised_copy(
    model: Any,
    *,
    custom_objects: Mapping[str, Any],
    sample: Any,
    allow_unsafe: bool = False,
    only: Collection[str] | None = None,
) -> DequantisedCopy:
    """Return a copy of `model` whose quantised layers compute with floats.

    Args:
        model: a built Keras model.
        custom_objects: the custom classes and functions of the model, by name.
        sample: one packed row for each input, with which a subclassed model is built.
        allow_unsafe: whether Lambda layers may be rebuilt.
        only: names of the layers that compute with floats in the copy; None for all.

    Raises:
        PrecisionCopyRefused: it cannot be rebuilt, or a layer or mode of quantisation is not known.
    """
    try:
        chosen = None if only is None else {*only, *_list_uncalibrated(model)}
        config = _dequantise(keras.saving.serialize_keras_object(model), chosen)
        rebuilt = keras.saving.deserialize_keras_object(
            config, custom_objects=dict(custom_objects), safe_mode=not allow_unsafe
        )
        if not rebuilt.built or len(list(find_layers(rebuilt))) != len(list(find_layers(model))):
            rebuilt(sample, training=False)
    except Exception as problem:
        raise PrecisionCopyRefused(
            f"it cannot be rebuilt with floats ({type(problem).__name__}: {clean(problem, 120)})"
        ) from problem
    return DequantisedCopy(model=rebuilt, twins=tuple(_copy_weights(model, rebuilt)))


def _list_uncalibrated(model: Any) -> Iterator[str]:
    """Yield the layers that compute with floats although their dtype policy is quantised."""
    yield from (found.layer.name for found in find_layers(model) if not is_calibrated(found.layer))


def _dequantise(config: Any, only: Collection[str] | None) -> Any:
    """The config in which quantised dtype policies are replaced by those that they were made from."""
    if isinstance(config, (list, tuple)):
        return [_dequantise(value, only) for value in config]
    if not isinstance(config, dict):
        return copy.copy(config)
    source = _source_policy(config)
    if source is not None:
        return dtype_policy_config(source)
    own = config.get("config")
    if isinstance(own, dict) and isinstance(own.get("dtype"), dict) and _source_policy(own["dtype"]):
        if only is not None and own.get("name") not in only:
            return copy.deepcopy(config)
        kept = {key: value for key, value in own.items() if key not in _DROPPED}
        return {**config, "config": _dequantise(kept, only)}
    return {key: _dequantise(value, only) for key, value in config.items() if key != "quantization_config"}


def _source_policy(config: Mapping[str, Any]) -> str | None:
    """The policy that this serialized policy was quantised from; None if it is no quantised policy."""
    own = config.get("config")
    if not str(config.get("class_name", "")).endswith("DTypePolicy") or not isinstance(own, dict):
        return None
    return own.get("source_name") if own.get("mode") is not None else None


def _copy_weights(model: Any, rebuilt: Any) -> Iterator[Twin]:
    """Give the copy the weights of the model, and yield the layers that compute with floats now."""
    # quantize() may change the order of layers without weights, such as InputLayer.
    originals, copies = (
        [found for found in find_layers(each) if own_weights(found.layer)] for each in (model, rebuilt)
    )
    if [type(found.layer) for found in originals] != [type(found.layer) for found in copies]:
        raise PrecisionCopyRefused("the model rebuilt from its config has different layers")
    for original, found in zip(originals, copies, strict=True):
        if is_quantised(original.layer) and not is_quantised(found.layer):
            yield _dequantise_layer(original.path, original.layer, found.layer)
        else:
            _copy_layer(original.layer, found.layer)


def _dequantise_layer(path: str, original: Any, twin: Any) -> Twin:
    target = _float_weights(twin)
    quantised = None if target is None else read_quantised(original, target.shape)
    if quantised is None:
        kind = f"{type(original).__name__} in {original.quantization_mode}"
        raise PrecisionCopyRefused(f"the weights of '{path}' ({kind}) cannot be read as floats")
    target.assign(quantised.weights)
    if getattr(twin, "bias", None) is not None:
        twin.bias.assign(np.asarray(keras.ops.convert_to_numpy(original.bias)))
    return Twin(path=path, layer=twin, quantised=quantised)


def _float_weights(layer: Any) -> Any:
    """The variable with the kernel or embeddings of a float layer; None if it has neither."""
    return (
        getattr(layer, "_kernel", None) if hasattr(layer, "_kernel") else getattr(layer, "_embeddings", None)
    )


def _copy_layer(original: Any, found: Any) -> None:
    sources, targets = own_weights(original), own_weights(found)
    if is_quantised(original):
        # quantize() creates them in a different order than a layer that is built quantised.
        sources, targets = (sorted(each, key=lambda variable: variable.name) for each in (sources, targets))
    if [tuple(each.shape) for each in sources] != [tuple(each.shape) for each in targets]:
        raise PrecisionCopyRefused("the model rebuilt from its config has different variables")
    for mark in CALIBRATION_MARKS:
        if hasattr(original, mark):
            setattr(found, mark, getattr(original, mark))
    copy_layer(original, found, zip(sources, targets, strict=True))
