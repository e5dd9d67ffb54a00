"""The values that the inputs of a model expect, read from its first layers.

Each input of the live model is followed, through layers that leave values unchanged, to the first layers that
use them; `layer_hints` reads what these expect. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from keras_consistency_cli.loading.hints.layer_hints import Hint, read_layer_hint
from keras_consistency_cli.loading.model.graph_walk import (
    ReachedTensor,
    functional_graph,
    keeps_values,
    named_inputs,
    walk_consumers,
)
from keras_consistency_cli.text import clean

__all__ = ["ANY_INPUT", "choose_strictest", "read_input_hints"]

ANY_INPUT = "*"
"""The key of the hint for every input of a model whose graph is not known."""

_STRICTEST_FIRST = ("values", "text", "whole", "range", "normal", "plain")
_VOCABULARIES = ("values", "text", "whole")


def read_input_hints(model: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Hint]:
    """Return what the model expects of its inputs, by name.

    Inputs that take any value are left out. A model that takes its inputs as a dict has the hints under the
    keys too. A subclassed model has no graph to follow: its tracked layers are read in order, and their hint
    has the key `ANY_INPUT`.

    Args:
        model: a built model.
        without: classes of layers that are not read, because it is known what reaches them.
    """
    graph = functional_graph(model)
    if graph is None:
        inner_hint = _read_inner_hint(model, without)
        return {ANY_INPUT: inner_hint} if inner_hint else {}
    hints: dict[str, Hint] = {}
    for tensor, names in named_inputs(graph):
        hint = choose_strictest(_read_reached_hints(graph, tensor, without))
        if hint is not None:
            hints |= {clean(name): hint for name in names}
    return hints


def choose_strictest(hints: Iterable[Hint]) -> Hint | None:
    """Return the hint that allows the fewest values, with the padding value that any of them masks."""
    ranked = sorted(
        hints, key=lambda hint: (_STRICTEST_FIRST.index(hint.kind), len(hint.values), hint.high, hint.why)
    )
    if not ranked:
        return None
    strictest = ranked[0]
    padding = next((hint.padding for hint in ranked if hint.padding is not None), None)
    if strictest.padding is None and strictest.kind not in _VOCABULARIES:
        return replace(strictest, padding=padding)
    return strictest


def _read_reached_hints(graph: Any, tensor: Any, without: frozenset[str]) -> Iterator[Hint]:
    """The hints of every layer that an input reaches with its values unchanged."""
    width = tensor.shape[-1] if len(tensor.shape) > 1 else None
    for reached, node in walk_consumers(graph, tensor):
        hint = _read_call_hint(reached, node, without)
        if hint is not None:
            yield _restrict_to_input(hint, reached, width)


def _read_call_hint(reached: ReachedTensor, node: Any, without: frozenset[str]) -> Hint | None:
    """The hint of the called layer or of the layers inside it.

    If nothing but a mask was passed on the way, the hint is only about padding.
    """
    own = read_layer_hint(node.operation, tuple(node.arguments.args), without=without)
    hint = own or _read_inner_hint(node.operation, without)
    return hint if hint or reached.padding is None else Hint(kind="plain")


def _restrict_to_input(hint: Hint, reached: ReachedTensor, width: int | None) -> Hint:
    """The hint for this input.

    It has the statistics of the input's own features, or their mean if the features are not known.
    """
    if reached.padding is not None:
        hint = replace(hint, padding=reached.padding)
    elif reached.offset is None:
        # After a reshape, the masked axis need not be axis 1 of the input; a mask made before it is on axis
        # 1.
        hint = replace(hint, padding=None)
    if len(hint.mean) == 1:
        return hint
    if reached.offset is None or width is None:
        return replace(hint, mean=_average(hint.mean), std=_average(hint.std))
    features = slice(reached.offset, reached.offset + width)
    return replace(hint, mean=hint.mean[features], std=hint.std[features])


def _average(values: tuple[float, ...]) -> tuple[float, ...]:
    return (sum(values) / len(values),)


def _read_inner_hint(layer: Any, without: frozenset[str]) -> Hint | None:
    """The hint of the layers that a subclassed model or layer tracks, read in order.

    Ranges and statistics count only before the first layer that computes something. A vocabulary counts at
    any place, since ids out of its range would make the model crash, and the smallest one counts.
    """
    hints: list[Hint] = []
    has_computed = False
    for inner in getattr(layer, "_layers", ()):
        if keeps_values(inner):
            continue
        hints += [
            hint
            for hint in _read_tracked_hints(inner, without)
            if not has_computed or hint.kind in _VOCABULARIES
        ]
        has_computed = True
    return choose_strictest(hints)


def _read_tracked_hints(layer: Any, without: frozenset[str]) -> list[Hint]:
    if functional_graph(layer) is not None:
        return list(read_input_hints(layer, without=without).values())
    hint = read_layer_hint(layer, without=without) or _read_inner_hint(layer, without)
    return [hint] if hint else []
