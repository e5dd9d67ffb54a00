"""Routes about the shape of rows: ids of tables, and rows of two lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.calling.ids.one_hot_ids import ONE_HOT_ROUTE
from keras_consistency_cli.routes.calling.ids.table_ids import IDS_ROUTE
from keras_consistency_cli.routes.calling.ids.unknown_words import WORDS_ROUTE
from keras_consistency_cli.routes.sequences.series import describe_length_error
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SHAPE_ROUTES", "LengthDetails"]

_ROWS = 2
_MIN_STEPS = 4


class WrongLength(TypedDict):
    """Time steps of the rows that predict gets `first` and `then`, and what it does with the second ones."""

    first: int
    then: int
    how: str


class LengthDetails(TypedDict):
    """Details of the route `two-lengths`; None if the outputs are right, or nothing was compared."""

    wrong: WrongLength | None


def _predict_two_lengths(session: Session, rows: Rows) -> Result:
    """Predict rows of one length and then shorter ones.

    The shorter rows must have the outputs of a predict that was given no other length.
    """
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    free = _inputs_of_any_length(session.facts)
    series = {name for name, values in batch.items() if name in free and values.shape[1] >= _MIN_STEPS}
    nothing: LengthDetails = {"wrong": None}
    if not series:
        return Result(outputs={}, details=nothing)
    length = next(batch[name].shape[1] for name in batch if name in series)
    shorter = {name: values[:, :-1] if name in series else values for name, values in batch.items()}
    session.forget_traces()
    session.predict(batch)
    error, candidate = None, None
    try:
        candidate = session.predict(shorter)
    except Exception as problem:
        error = f"fails with {type(problem).__name__}"
    session.forget_traces()
    try:
        reference = session.predict(shorter)
    except Exception as problem:
        # A model that takes one length only has nothing to compare.
        describe_length_error(problem)
        return Result(outputs={}, details={"wrong": None})
    finally:
        session.forget_traces()
    how = error if candidate is None else _describe_difference(candidate, reference)
    details: LengthDetails = {
        "wrong": {"first": length, "then": length - 1, "how": how} if how else None,
    }
    return Result(outputs={}, details=details)


def _inputs_of_any_length(facts: Facts) -> frozenset[str]:
    """The inputs whose axis 1 has any length: series, or ids of an Embedding."""
    return frozenset(fact.name for fact in facts.inputs if len(fact.shape) > 1 and fact.shape[1] is None)


def _describe_difference(candidate: Outputs, reference: Outputs) -> str:
    for name, values in reference.items():
        if candidate[name].shape != values.shape:
            return f"gives shape {candidate[name].shape} instead of {values.shape}"
        scale = max(1.0, float(np.abs(values).max(initial=0.0)))
        if is_float(values.dtype) and not np.allclose(candidate[name], values, rtol=1e-3, atol=1e-4 * scale):
            return "gives different numbers"
    return ""


def _explain_one_length(facts: Facts) -> str | None:
    if _inputs_of_any_length(facts) and any(layer.kind == "TimeDistributed" for layer in facts.layers):
        return None
    return "the model has no TimeDistributed layer on a time axis of any length"


SHAPE_ROUTES: tuple[Route, ...] = (
    IDS_ROUTE,
    ONE_HOT_ROUTE,
    WORDS_ROUTE,
    Route(
        name="two-lengths",
        summary="predict rows of one length, then of another",
        run=_predict_two_lengths,
        unavailable=_explain_one_length,
    ),
)
