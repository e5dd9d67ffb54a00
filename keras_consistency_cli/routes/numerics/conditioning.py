"""Routes of conditioning: how far a tiny relative change of the inputs, or of the weights, moves the answers of the float64 copy.

In float64 the model's own rounding is ten million times smaller than the change, so that what moves is the model and not its arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import count, first
from keras_consistency_cli.routes.session.distances import rms_share
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.float64 import Float64Session
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CHANGE", "CONDITIONING_ROUTES"]

CHANGE = 1e-7
"""How much every number is changed, of itself: about what storing it as float32 does."""
_DRAWS = 3
_MOST_PARAMETERS = 20_000_000
"""Above that a draw for every weight takes longer than it is worth."""


def _inputs(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.loading.model.input_hints import takes_whole
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    session = on_float64_copy(session)
    batch = _wide(session, rows)
    # An id is this one or another: there is no such thing as a little more of it.
    ids = takes_whole(session.model, batch)
    answers = []
    for random in _draws(session):
        session.restore()
        answers.append(
            session.step_as_given(
                {name: values if name in ids else _changed(values, random) for name, values in batch.items()}
            )
        )
    return _furthest(session, batch, answers)


def _weights(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    session = on_float64_copy(session)
    batch = _wide(session, rows)
    session.restore()
    variables = [variable for variable in session.model.weights if "float" in str(variable.dtype)]
    values = [np.asarray(variable.value) for variable in variables]
    answers = []
    try:
        for random in _draws(session):
            session.restore()
            for variable, value in zip(variables, values, strict=True):
                variable.assign(_changed(value, random))
            answers.append(session.step_as_given(batch))
    finally:
        session.restore()
    return _furthest(session, batch, answers)


def _draws(session: Session) -> Iterator[np.random.Generator]:
    for draw in range(_DRAWS):
        yield np.random.default_rng((session.options.seed, draw))


def _wide(session: Session, rows: Rows) -> Rows:
    """One batch as float64 numbers that float32 holds too: what the model is really fed."""
    batch = first(rows, session.batch_size)
    return {
        name: values.astype(np.float32).astype(np.float64) if values.dtype.kind == "f" else values
        for name, values in batch.items()
    }


def _changed(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (
        values * (1.0 + CHANGE * random.choice([-1.0, 1.0], values.shape))
        if values.dtype.kind == "f"
        else values
    )


def _furthest(session: Float64Session, batch: Rows, answers: Sequence[Outputs]) -> Result:
    """The answers of the draw that moved them most."""
    session.restore()
    base = session.step_as_given(batch)
    moved = [sum(rms_share(each[name], base[name]) for name in base) for each in answers]
    return Result(
        outputs=answers[int(np.argmax(moved))],
        rows=np.arange(count(batch)),
        details={"change": CHANGE, "draws": len(answers)},
    )


def _without_floats(facts: Facts) -> str | None:
    return (
        None
        if not facts.inputs or any(fact.is_float for fact in facts.inputs)
        else "the model has no float input"
    )


def _too_many(facts: Facts) -> str | None:
    return (
        f"{facts.parameters} weights are too many to draw changes for"
        if facts.parameters > _MOST_PARAMETERS
        else None
    )


CONDITIONING_ROUTES: tuple[Route, ...] = (
    Route(
        name="changed-inputs",
        summary="the float64 copy with every input changed by 1e-7 of itself",
        run=_inputs,
        unavailable=_without_floats,
        precision="float64",
        placement="shadow",
    ),
    Route(
        name="changed-weights",
        summary="the float64 copy with every weight changed by 1e-7 of itself",
        run=_weights,
        unavailable=_too_many,
        precision="float64",
        placement="shadow",
    ),
)
