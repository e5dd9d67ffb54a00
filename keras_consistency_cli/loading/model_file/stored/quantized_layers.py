"""Quantised layers inside other layers, by the weights in the file.

`quantize()` also quantises layers that no config lists: those of MultiHeadAttention and of custom layers.
Keras builds them as float layers when it loads the file, and their weights do not fit (keras#21378).
"""

from __future__ import annotations

from collections.abc import Iterable

from keras_consistency_cli.loading.model_file.weights import WeightFact

__all__ = ["find_quantized_layers"]

_INTEGERS = frozenset({"int8", "uint8"})
_HISTORY = (1024,)
"""The shape of the greatest values that a float8 layer keeps of its inputs, kernel and gradients."""
_HISTORIES = 3
_WRAPPED = frozenset({"layer", "forward_layer", "backward_layer", "cell"})
"""Attributes of wrappers that list the layer inside them in their config."""


def find_quantized_layers(weights: Iterable[WeightFact], *, wrapped: bool = False) -> tuple[str, ...]:
    """Return the layers with quantised layers inside that no config lists, as the weights file names them.

    Args:
        weights: the weights in the file.
        wrapped: whether to return wrappers of quantised layers instead, which list the layer inside them.
    """
    groups: dict[str, list[WeightFact]] = {}
    for weight in weights:
        groups.setdefault(weight.path.rpartition("vars/")[0].rstrip("/"), []).append(weight)
    quantized = [group for group, facts in groups.items() if _is_quantized(facts)]
    owners = [_owner(group) for group in quantized if _place(group) == ("wrapper" if wrapped else "hidden")]
    return tuple(dict.fromkeys(owners))


def _is_quantized(facts: list[WeightFact]) -> bool:
    has_integers = any(fact.dtype in _INTEGERS and fact.shape for fact in facts)
    is_float8 = sum(fact.shape == _HISTORY for fact in facts) >= _HISTORIES
    return is_float8 or (has_integers and any("float" in fact.dtype for fact in facts))


def _owner(group: str) -> str:
    """The listed layer that a group of weights belongs to: "attention" of "layers/attention/key_dense"."""
    parts = group.split("/")
    names = []
    while len(parts) > 1 and parts[0] == "layers":
        names.append(parts[1])
        parts = parts[2:]
    return "/".join(names) or group


def _place(group: str) -> str:
    """Where the layer of a group of weights is: "listed" in a config, in a "wrapper", or "hidden"."""
    *_, before, last = ("", *group.split("/"))
    if before == "layers":
        return "listed"
    return "wrapper" if last in _WRAPPED else "hidden"
