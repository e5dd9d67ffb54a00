"""Which layers work along time, by the names of their classes; shared by the checks of sequences."""

from __future__ import annotations

from collections.abc import Collection

from keras_consistency_cli.facts import Facts

__all__ = ["RECURRENT", "SEQUENCE", "has_layer"]

RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
"""Layers that go along time and remember."""

SEQUENCE = RECURRENT | frozenset({"TimeDistributed", "Conv1D", "SeparableConv1D", "MultiHeadAttention", "GroupedQueryAttention"})
"""Layers for which axis 1 is time."""


def has_layer(facts: Facts, kinds: Collection[str]) -> bool:
    """Whether a layer of one of these classes is anywhere in the model."""
    return any(layer.kind in kinds for layer in facts.layers)
