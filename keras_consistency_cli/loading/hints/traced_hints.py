"""The values that the inputs of a model expect, with the ids followed through the model.

The graph shows most expectations without a run. Where ids go is seen in a run only: a slice of the row, a
custom layer or a table of positions that the rows never reach look alike in a graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from keras_consistency_cli.loading.hints.input_hints import choose_strictest, read_input_hints
from keras_consistency_cli.loading.hints.layer_hints import Hint, IdPlaces
from keras_consistency_cli.loading.rows.synthesis import make_rows
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.text import clean

__all__ = ["read_traced_hints"]

_FOLLOWED = frozenset({"Embedding"})
"""Classes whose ids are followed, so that the graph need not be read for them."""
_RELATIONS = {"Embedding": "vocabulary of", "CategoryEncoding": "categories of"}


def read_traced_hints(model: Any, facts: Facts) -> dict[str, Hint]:
    """Return what the model expects of its inputs, by name; see `read_input_hints` for the names.

    If ids cannot be followed, the graph alone decides.
    """
    from keras_consistency_cli.loading.model.id_places import find_id_places, has_lookups

    by_graph = read_input_hints(model)
    if not facts.inputs or not has_lookups(model):
        return by_graph
    sample = make_rows(facts.inputs, by_graph, rows=1, seed=0)
    places = find_id_places(model, facts, sample)
    if places is None:
        return by_graph
    hints = read_input_hints(model, without=_FOLLOWED)
    for name, found in places.items():
        hints[name] = _combine(found, hints.get(name), by_graph.get(name))
    return hints


def _combine(places: Sequence[IdPlaces], other: Hint | None, by_graph: Hint | None) -> Hint:
    """Return the hint for an input with ids.

    Args:
        places: where its ids are.
        other: what other layers expect of it.
        by_graph: what the graph alone says, for its padding.
    """
    whole = list(_describe_whole(places, by_graph))
    if whole:
        return choose_strictest([*whole, *([other] if other is not None else [])]) or whole[0]
    return replace(other or Hint(kind="plain"), places=tuple(places))


def _describe_whole(places: Sequence[IdPlaces], by_graph: Hint | None) -> Iterator[Hint]:
    """Yield a hint for each table that all numbers of the input reach."""
    for each in places:
        if each.size is None or not each.mask.all():
            continue
        is_masked = each.masks_zero and each.size > 1
        if by_graph is not None and by_graph.kind == "whole":
            padding = by_graph.padding
        else:
            padding = 0.0 if is_masked and each.mask.ndim == 1 else None
        why = f"{_RELATIONS[each.kind]} '{clean(each.table.rpartition('/')[2])}'"
        yield Hint(
            kind="whole",
            low=float(is_masked),
            high=float(each.size - 1),
            why=why,
            padding=padding,
            places=tuple(places),
        )
