"""Words for layers whose weights do not come from the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_consistency_cli.text import format_count

if TYPE_CHECKING:
    from keras_consistency_cli.loading.model.unsaved_weights import UnsavedLayer

__all__ = ["are_unread", "describe_unsaved", "fix_for_unsaved"]

_SHOWN = 3


def describe_unsaved(layers: Sequence[UnsavedLayer], parameters: int) -> str:
    """Return the message.

    Args:
        layers: the layers.
        parameters: of the loaded model, as Keras counts them.
    """
    missing = sum(each["parameters"] for each in layers)
    total = parameters + sum(each["parameters"] for each in layers if each["reason"] == "holder")
    verb = "is" if missing == 1 else "are"
    if total > missing:
        count = f"{missing:,} of {format_count(total, 'parameter')} {verb}"
    else:
        count = f"{format_count(missing, 'parameter')} {verb}"
    names = ", ".join(f"'{each['layer']}'" for each in layers[:_SHOWN])
    more = f" and {len(layers) - _SHOWN} more" if len(layers) > _SHOWN else ""
    reason = _reason(layers[0])
    where = "in the file, but not loaded" if are_unread(layers) else "not in the file"
    return f"{count} {where}, so that each load creates untrained ones; {names}{more}: {reason}"


def are_unread(layers: Sequence[UnsavedLayer]) -> bool:
    """Whether the file holds the weights of all these layers."""
    return all(each["reason"] == "unread" for each in layers)


def _reason(layer: UnsavedLayer) -> str:
    place = f"attribute '{layer['attribute']}' of {layer['owner']}"
    if layer["reason"] == "name":
        return f"Keras skips {place} when it saves, because its own classes use this name"
    if layer["reason"] == "holder":
        return f"Keras does not look into the {layer['holder']} in {place} when it saves"
    if layer["reason"] == "unread":
        return f"{layer['owner']} creates them in its first call, after Keras has read the file"
    return "the file was saved before these layers were built, or by a class that kept them elsewhere"


def fix_for_unsaved(layer: UnsavedLayer) -> str:
    """Return the line that repairs the first of the layers; empty if the general fix does."""
    if layer["reason"] == "name":
        name = layer["attribute"].strip("_")
        return f"rename the attribute '{layer['attribute']}' of {layer['owner']}, to 'own_{name}' for example"
    if layer["reason"] == "holder":
        return f"assign the layers to attributes of {layer['owner']} itself, or a list of them"
    if layer["reason"] == "unread":
        return ""
    return "call the model once before saving it: model(rows[:1]); model.save('model.keras')"
