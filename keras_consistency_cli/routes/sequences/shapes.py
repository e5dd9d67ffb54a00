"""Routes about the shape of rows: ids against the embeddings that take them, and rows of two lengths through one predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["SHAPE_ROUTES"]

_ROWS = 2
_FEWEST_STEPS = 4


def _ids(session: Session, rows: Rows) -> Result:
    """By input that an Embedding takes: how many values it does not know, of which kind, and what Keras makes of them; nothing is run."""
    from keras_consistency_cli.loading.model.input_hints import input_hints

    hints = input_hints(session.model)
    found = {}
    for name, values in rows.items():
        hint = hints.get(name)
        if (
            hint is not None
            and hint.kind == "whole"
            and hint.why.startswith("vocabulary of")
            and values.dtype.kind in "fiu"
        ):
            found[name] = {
                **_unknown(values, hint.high),
                "why": hint.why.removeprefix("vocabulary of ").strip("'"),
            }
    return Result(outputs={}, details=found)


def _unknown(values: np.ndarray, highest: float) -> dict[str, Any]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    kinds = (
        ("fractions", finite != np.floor(finite), "Keras cuts them to whole ids without a word"),
        (
            "negative",
            finite < 0,
            "on a CPU Keras counts them from the end of the table without a word, on a GPU they read zeros",
        ),
        (
            f"above {highest:.0f}",
            finite > highest,
            "on a CPU predict raises, on a GPU they read zeros without a word",
        ),
    )
    for kind, wrong, keras in kinds:
        if wrong.any():
            return {"wrong": int(wrong.sum()), "kind": kind, "keras": keras}
    return {"wrong": 0}


def _two_lengths(session: Session, rows: Rows) -> Result:
    """Literally predict rows of one length and then of another: the second answers must be those of a predict that saw no other length."""
    few = first(rows, session.facts.batch_size or _ROWS)
    length = next((values.shape[1] for values in few.values() if _is_series(values)), None)
    if length is None:
        return Result(outputs={}, details={"wrong": None})
    shorter = {name: values[:, :-1] if _is_series(values) else values for name, values in few.items()}
    session.forget_traces()
    session.predict(few)
    try:
        then = session.predict(shorter)
    except Exception as problem:
        then, how = None, f"with {type(problem).__name__}"
    session.forget_traces()
    alone = session.predict(shorter)
    session.forget_traces()
    if then is not None:
        how = _difference(then, alone)
    return Result(
        outputs={}, details={"wrong": {"first": length, "then": length - 1, "how": how} if how else None}
    )


def _is_series(values: np.ndarray) -> bool:
    return values.ndim > 2 and values.shape[1] >= _FEWEST_STEPS


def _difference(then: dict[str, np.ndarray], alone: dict[str, np.ndarray]) -> str:
    for name, values in alone.items():
        if then[name].shape != values.shape:
            return f"with shape {then[name].shape} instead of {values.shape}"
        if values.dtype.kind == "f" and not np.allclose(
            then[name], values, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(values).max(initial=0.0)))
        ):
            return "with other numbers"
    return ""


def _no_embedding(facts: Facts) -> str | None:
    return None if any(layer.kind == "Embedding" for layer in facts.layers) else "the model has no Embedding"


def _one_length(facts: Facts) -> str | None:
    free = any(len(fact.shape) > 2 and fact.shape[1] is None for fact in facts.inputs)
    if free and any(layer.kind == "TimeDistributed" for layer in facts.layers):
        return None
    return "no TimeDistributed layer works on a time axis of any length"


SHAPE_ROUTES: tuple[Route, ...] = (
    Route(
        name="ids", summary="ids against the embeddings that take them", run=_ids, unavailable=_no_embedding
    ),
    Route(
        name="two-lengths",
        summary="predict rows of one length, then of another",
        run=_two_lengths,
        unavailable=_one_length,
    ),
)
