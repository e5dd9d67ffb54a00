"""Weights that a loaded model has and that are not those of its file."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Literal, TypedDict

from keras_consistency_cli.loading.model.saved_layers import (
    FoundLayer,
    LoadedState,
    find_layers,
    find_saved_layers,
    own_weights,
)

__all__ = ["UnsavedLayer", "find_unsaved_layers"]

Reason = Literal["name", "holder", "absent", "unread"]


class UnsavedLayer(TypedDict):
    """A layer whose weights do not come from the file.

    `reason` is "name" if Keras skips the attribute that holds the layer because of its name, "holder" if it
    does not look into the object there, "absent" if it would save the layer but the file holds no weights of
    it, and "unread" if the file holds them, but the layer did not exist yet when Keras read the file.
    """

    layer: str
    kind: str
    reason: Reason
    owner: str
    attribute: str
    holder: str
    parameters: int


def find_unsaved_layers(model: Any, loaded: LoadedState | None) -> Iterator[tuple[UnsavedLayer, list[Any]]]:
    """Yield each layer whose trained weights are not in the file, with these weights.

    Args:
        model: the model after it has run once, so that every layer is built.
        loaded: the model directly after loading, None for a model that comes from no file.
    """
    saved = find_saved_layers(model)
    for found in _with_inherited_places(find_layers(model), saved):
        weights = _unique(own_weights(found.layer))
        if not any(_is_trained(weight, found.layer, model) for weight in weights):
            continue
        if id(found.layer) not in saved:
            yield _describe(found, weights, "holder" if found.holder else "name"), weights
        elif loaded is not None and all(_is_absent(weight, loaded) for weight in weights):
            is_stored = saved[id(found.layer)][1] in loaded.stored
            yield _describe(found, weights, "unread" if is_stored else "absent"), weights


def _with_inherited_places(layers: Iterator[FoundLayer], saved: Collection[int]) -> Iterator[FoundLayer]:
    """Yield the layers; one inside a layer that Keras does not save is lost for the same reason."""
    hidden: dict[str, FoundLayer] = {}
    for found in layers:
        outer = hidden.get(found.path.rpartition("/")[0])
        if outer is not None:
            found = replace(found, owner=outer.owner, attribute=outer.attribute, holder=outer.holder)
        if id(found.layer) not in saved:
            hidden[found.path] = found
        yield found


def _unique(weights: list[Any]) -> list[Any]:
    return list({id(weight): weight for weight in weights}.values())


def _is_trained(weight: Any, layer: Any, model: Any) -> bool:
    """Whether training changes the weight.

    A frozen layer may have got its weights from its constructor; a model that is frozen as a whole says
    nothing.
    """
    is_trainable = any(weight is each for each in layer._trainable_variables)
    return is_trainable and (weight.trainable or not model.trainable)


def _is_absent(weight: Any, loaded: LoadedState) -> bool:
    return id(weight) in loaded.absent or id(weight) not in loaded.variables


def _describe(found: FoundLayer, weights: list[Any], reason: Reason) -> UnsavedLayer:
    return UnsavedLayer(
        layer=found.path,
        kind=type(found.layer).__name__,
        reason=reason,
        owner=found.owner,
        attribute=found.attribute,
        holder=found.holder,
        parameters=sum(math.prod(weight.shape) for weight in weights),
    )
