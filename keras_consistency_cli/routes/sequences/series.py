"""Series in the inputs of a model, and copies of it that take any length."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import is_float_or_integer, is_integer
from keras_consistency_cli.measurement.facts import Facts, InputFact
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "RECURRENT",
    "TOLERANCE",
    "describe_length_error",
    "explain_no_padding",
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
_NO_TIME = "the model has no layer that works along time"


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
        if is_series(values, ids=ids or _is_known_series(session.facts, name)):
            masks[name] = hint.padding if hint is not None else None
    return masks


def has_any_length(fact: InputFact) -> bool:
    """Whether an input declares a time axis of any length: ids, or numbers with known features.

    Images of any size have a second axis of any length, or a known one between it and the channels.
    """
    if len(fact.shape) == 2:
        return fact.shape[1] is None and not fact.is_float
    return len(fact.shape) == 3 and fact.shape[1] is None and fact.shape[2] is not None


def _is_known_series(facts: Facts, name: str) -> bool:
    """Whether an input of two axes is a series, by its declaration or by what the owner states."""
    declared = next((fact for fact in facts.inputs if fact.name == name), None)
    if declared is None:
        return False
    is_free = len(declared.shape) > 1 and declared.shape[1] is None
    return has_any_length(declared) or (facts.time_stated and (is_free or len(facts.inputs) == 1))


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
    from keras_consistency_cli.loading.model.refusals.memory_errors import memory_error_message

    if memory_error_message(problem) is not None:
        raise problem
    return f"{describe_innermost(problem)} at a different length"


def explain_no_time_axis(facts: Facts) -> str | None:
    """Return why nothing can be measured along time with this model, None if it can.

    A layer that works along time, an input of any length, or what the owner states is enough: operations and
    layers of the user's own work along time too, and cannot be recognized.
    """
    if facts.backend not in ("tensorflow", ""):
        return f"series need the TensorFlow backend; this is {facts.backend}"
    has_axis = facts.time_stated or any(has_any_length(fact) for fact in facts.inputs)
    return None if has_axis or _has_layer_along_time(facts) else _NO_TIME


def explain_no_padding(facts: Facts) -> str | None:
    """Return why padding cannot matter to this model, None if it can.

    Ids of an Embedding can be padded, which their rows show, even if no layer is known to work along time.
    """
    reason = explain_no_time_axis(facts)
    has_table = any("Embedding" in layer.kinds for layer in facts.layers)
    has_places = any(len(fact.shape) > 1 and fact.shape[1] != 1 for fact in facts.inputs)
    return None if has_table and has_places and reason == _NO_TIME else reason


def _has_layer_along_time(facts: Facts) -> bool:
    kinds = {kind for layer in facts.layers for kind in layer.kinds}
    has_series = "Embedding" in kinds or any(len(fact.shape) > 2 for fact in facts.inputs)
    has_mask = any(layer.masks is not None for layer in facts.layers)
    return bool(kinds & _ALONG_TIME) or (has_series and bool(kinds & _ALONG_SERIES)) or has_mask
