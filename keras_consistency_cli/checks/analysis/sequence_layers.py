"""Layers that work along time, by the names of their classes."""

from __future__ import annotations

from collections.abc import Collection

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.sequences.series import RECURRENT

__all__ = ["RECURRENT", "SEQUENCE", "has_layer"]

SEQUENCE = RECURRENT | frozenset(
    {"TimeDistributed", "Conv1D", "SeparableConv1D", "MultiHeadAttention", "GroupedQueryAttention"}
)
"""Layers for which axis 1 is time."""


def has_layer(facts: Facts, kinds: Collection[str]) -> bool:
    """Whether a layer of one of these classes is anywhere in the model."""
    return any(layer.kind in kinds for layer in facts.layers)
