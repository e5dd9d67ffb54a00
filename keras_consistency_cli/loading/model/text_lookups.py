"""The lookup of a text input: the layer that turns its words into ids, and the model behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_consistency_cli.loading.model.graph_walk import find_entered_layers, functional_graph
from keras_consistency_cli.measurement.facts import InputFact
from keras_consistency_cli.text import clean

__all__ = ["build_model_behind", "describe_text_lookups", "find_text_lookups", "look_up"]

_KINDS = frozenset({"StringLookup", "TextVectorization"})


def find_text_lookups(model: Any) -> dict[str, Any]:
    """Return by text input the lookup that takes it; inputs that more than one layer takes are left out."""
    entered: dict[str, list[Any]] = {}
    for each in find_entered_layers(model, _KINDS):
        entered.setdefault(each.input, []).append(each.layer)
    return {name: layers[0] for name, layers in entered.items() if len(layers) == 1}


def describe_text_lookups(model: Any) -> tuple[InputFact, ...]:
    """Return, in the form of inputs, what the lookups of text inputs give to the rest of the model."""
    try:
        return tuple(
            InputFact(name=clean(name), shape=_find_shape(layer), dtype=str(layer.output.dtype))
            for name, layer in find_text_lookups(model).items()
        )
    except Exception:  # a lookup that is called twice has no one output; a custom one may have none
        return ()


def _find_shape(layer: Any) -> tuple[int | None, ...]:
    """Return the shape that a lookup gives.

    Keras states one axis more than there is for the texts of a TextVectorization that counts words.
    """
    sizes = [size or 1 for size in layer.input.shape[1:]]
    # A lookup may refuse words that it does not know.
    word = next(iter(layer.get_vocabulary(include_special_tokens=False)), "")
    shape = look_up(layer, np.full((2, *sizes), str(word))).shape
    stated: tuple[int | None, ...] = tuple(layer.output.shape)
    return stated if len(stated) == len(shape) else (None, *shape[1:])


def look_up(layer: Any, texts: np.ndarray) -> np.ndarray:
    """Return what a lookup gives for texts, (rows, ...)."""
    return np.asarray(keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(texts.astype(object)))))


def build_model_behind(model: Any, names: Sequence[str]) -> Any | None:
    """Return the model that takes what the lookups of these text inputs give, instead of texts.

    None if the graph cannot be cut there.
    """
    graph: Any = functional_graph(model)
    lookups = find_text_lookups(model)
    if any(len(_find_shape(lookups[name])) != len(lookups[name].output.shape) for name in names):
        return None
    inputs = [lookups[tensor.name].output if tensor.name in names else tensor for tensor in graph.inputs]
    try:
        return keras.Model(inputs, graph.outputs)
    except ValueError:  # a lookup inside a nested model
        return None
