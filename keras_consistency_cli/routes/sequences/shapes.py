"""Routes about the shape of rows: ids of embeddings, and rows of two lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, is_float_or_integer
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SHAPE_ROUTES"]

_ROWS = 2
_MIN_STEPS = 4


class UnknownIds(TypedDict, total=False):
    """The ids that an Embedding does not contain, and what Keras does with them.

    `why` is the name of the Embedding.
    """

    wrong: int
    kind: str
    keras: str
    why: str


def _count_unknown_ids(session: Session, rows: Rows) -> Result:
    """Count the ids that the Embedding of each input does not contain, without a run."""
    from keras_consistency_cli.loading.model.input_hints import read_input_hints

    hints = read_input_hints(session.model)
    details: dict[str, UnknownIds] = {}
    for name, values in rows.items():
        hint = hints.get(name)
        if hint is None or hint.kind != "whole" or not hint.why.startswith("vocabulary of"):
            continue
        if is_float_or_integer(values.dtype):
            embedding = hint.why.removeprefix("vocabulary of ").strip("'")
            details[name] = {**_describe_unknown(values, hint.high), "why": embedding}
    return Result(outputs={}, details=details)


def _describe_unknown(values: np.ndarray, highest: float) -> UnknownIds:
    finite = values[np.isfinite(values)] if is_float(values.dtype) else values
    kinds = (
        ("fractions", finite != np.floor(finite), "Keras cuts them to whole ids without a warning"),
        (
            "negative",
            finite < 0,
            "on a CPU Keras counts them from the end of the table without a warning, on a GPU it reads zeros",
        ),
        (
            f"above {highest:.0f}",
            finite > highest,
            "on a CPU predict raises an error, on a GPU it reads zeros without a warning",
        ),
    )
    for kind, is_wrong, keras in kinds:
        if is_wrong.any():
            return {"wrong": int(is_wrong.sum()), "kind": kind, "keras": keras}
    return {"wrong": 0}


def _predict_two_lengths(session: Session, rows: Rows) -> Result:
    """Predict rows of one length and then shorter ones.

    The shorter rows must have the outputs of a predict that was given no other length.
    """
    batch = first_batch(rows, session.facts.batch_size or _ROWS)
    free = _inputs_of_any_length(session.facts)
    series = {name for name, values in batch.items() if name in free and values.shape[1] >= _MIN_STEPS}
    if not series:
        return Result(outputs={}, details={"wrong": None})
    length = next(batch[name].shape[1] for name in batch if name in series)
    shorter = {name: values[:, :-1] if name in series else values for name, values in batch.items()}
    session.forget_traces()
    session.predict(batch)
    error, candidate = None, None
    try:
        candidate = session.predict(shorter)
    except Exception as problem:
        error = f"with {type(problem).__name__}"
    session.forget_traces()
    reference = session.predict(shorter)
    session.forget_traces()
    how = error if candidate is None else _describe_difference(candidate, reference)
    wrong = {"first": length, "then": length - 1, "how": how} if how else None
    return Result(outputs={}, details={"wrong": wrong})


def _inputs_of_any_length(facts: Facts) -> frozenset[str]:
    """The inputs whose axis 1 has any length: series, or ids of an Embedding."""
    return frozenset(fact.name for fact in facts.inputs if len(fact.shape) > 1 and fact.shape[1] is None)


def _describe_difference(candidate: Outputs, reference: Outputs) -> str:
    for name, values in reference.items():
        if candidate[name].shape != values.shape:
            return f"with shape {candidate[name].shape} instead of {values.shape}"
        scale = max(1.0, float(np.abs(values).max(initial=0.0)))
        if is_float(values.dtype) and not np.allclose(candidate[name], values, rtol=1e-3, atol=1e-4 * scale):
            return "with different numbers"
    return ""


def _explain_no_embedding(facts: Facts) -> str | None:
    return None if any(layer.kind == "Embedding" for layer in facts.layers) else "the model has no Embedding"


def _explain_one_length(facts: Facts) -> str | None:
    if _inputs_of_any_length(facts) and any(layer.kind == "TimeDistributed" for layer in facts.layers):
        return None
    return "the model has no TimeDistributed layer on a time axis of any length"


SHAPE_ROUTES: tuple[Route, ...] = (
    Route(
        name="ids",
        summary="ids compared with the embeddings that take them",
        run=_count_unknown_ids,
        unavailable=_explain_no_embedding,
    ),
    Route(
        name="two-lengths",
        summary="predict rows of one length, then of another",
        run=_predict_two_lengths,
        unavailable=_explain_one_length,
    ),
)
