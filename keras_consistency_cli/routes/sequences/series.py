"""Series in the inputs of a model, and copies of it that take any length."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float_or_integer, is_integer
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "RECURRENT",
    "TOLERANCE",
    "describe_length_error",
    "explain_no_time_axis",
    "find_series_inputs",
    "session_for_any_length",
]

TOLERANCE = 1e-4
"""Share of the greatest output: rounding between shapes and kernels is far below it."""
RECURRENT = frozenset(
    {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
)
"""Classes of layers that carry a state from one time step to the next."""
_ALONG_TIME = RECURRENT | {"Conv1D", "SeparableConv1D", "DepthwiseConv1D"}
"""Classes of layers that work along time."""
_ALONG_SERIES = frozenset(
    {"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention", "TimeDistributed"}
)
"""Classes of layers that work along time only if an input is a series."""


def is_series(values: np.ndarray, *, ids: bool = False) -> bool:
    """Whether axis 1 can be time: numbers with three axes or more, or ids with two."""
    has_time_axis = values.ndim > 2 or (ids and values.ndim == 2)
    return is_float_or_integer(values.dtype) and has_time_axis and values.shape[1] > 1


def find_series_inputs(session: Session, rows: Rows) -> dict[str, float | None]:
    """Return the inputs that are series, with the value that the model masks in them.

    The value is None if the model masks nothing.
    """
    from keras_consistency_cli.loading.hints.input_hints import ANY_INPUT

    hints = session.subject.hints
    has_masked_ids = any(
        layer.kind == "Embedding" and layer.masks is not None for layer in session.facts.layers
    )
    masks = {}
    for name, values in rows.items():
        hint = hints.get(name) or hints.get(ANY_INPUT)
        ids = hint is not None and hint.kind == "whole" and hint.vocabulary is not None
        # Ids that an operation changes on the way have no hint.
        ids = ids or (hint is None and has_masked_ids and is_integer(values.dtype))
        if is_series(values, ids=ids):
            masks[name] = hint.padding if hint is not None else None
    return masks


def session_for_any_length(session: Session, rows: Rows, names: Collection[str]) -> Session:
    """Return this session, or one on a copy, whose model takes series of any length.

    Args:
        session: the session of the model.
        rows: rows that the model takes.
        names: the inputs that are series.

    Raises:
        CopyRefused: the model takes one length only.
    """
    from keras_consistency_cli.loading.model.copies.variable_length import (
        CopyRefused,
        build_variable_length_copy,
    )
    from keras_consistency_cli.loading.model.facts import describe_model

    facts = session.facts
    declared = [fact for fact in facts.inputs if fact.name in names]
    if declared and all(fact.shape[1] is None or fact.lenient == "length" for fact in declared):
        return session
    if facts.kind == "subclass" or not declared:
        raise CopyRefused("it is a subclassed model of one length")
    twin = build_variable_length_copy(
        session.model, lengths={rows[name].shape[1] for name in names}, **session.loading
    )
    return session.on_copy(twin, describe_model(twin))


def describe_length_error(problem: Exception) -> str:
    """Return in words what the model, or a copy of it, raised for series of a different length.

    Raises:
        Exception: the problem itself if memory was short, which has nothing to do with the length.
    """
    from keras_consistency_cli.loading.model.keras_errors import describe_innermost
    from keras_consistency_cli.loading.model.memory_errors import memory_error_message

    if memory_error_message(problem) is not None:
        raise problem
    return f"{describe_innermost(problem)} at a different length"


def explain_no_time_axis(facts: Facts) -> str | None:
    """Return why nothing can be measured along time with this model, None if it can."""
    if facts.backend not in ("tensorflow", ""):
        return f"series need the TensorFlow backend; this is {facts.backend}"
    kinds = {kind for layer in facts.layers for kind in layer.kinds}
    has_series = "Embedding" in kinds or any(len(fact.shape) > 2 for fact in facts.inputs)
    has_mask = any(layer.masks is not None for layer in facts.layers)
    if kinds & _ALONG_TIME or (has_series and kinds & _ALONG_SERIES) or has_mask:
        return None
    return "the model has no layer that works along time"
