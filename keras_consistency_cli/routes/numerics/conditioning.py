"""Routes of conditioning: the float64 copy with tiny changes of its inputs or weights, or unrounded rows.

In float64 the model's own rounding errors are ten million times smaller than the change, so a difference of
the outputs comes from the model and not from its arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.loading.hints.input_hints import ANY_INPUT
from keras_consistency_cli.measurement.distance import is_float, relative_rms_difference
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route, needs_float_input
from keras_consistency_cli.routes.session.kept_ids import keep_ids
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.float64 import Float64Session
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["CHANGE", "CONDITIONING_ROUTES", "UNROUNDED", "LostDigits", "UnroundedDetails"]

UNROUNDED = "unrounded-rows"
CHANGE = 1e-7
"""Relative change of every number: about as much as storing it as float32 changes it."""
_DRAWS, _FEWEST_DRAWS = 3, 2
_MAX_PARAMETERS = 20_000_000
"""For more weights than this a draw for each of them takes too long."""


class LostDigits(TypedDict):
    """The number of an input that changes most where float32 does not hold it, and what it becomes."""

    given: float
    becomes: float


class UnroundedDetails(TypedDict, total=False):
    """Details of `unrounded-rows`: by input of floats, a number that float32 does not hold."""

    lost: dict[str, LostDigits]


def _keep_rows(session: Session, rows: Rows) -> Result:
    """Run the rows in float64, without the rounding to float32 that the model gets them with."""
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    session = on_float64_copy(session)
    batch, positions = session.one_batch(rows)
    floats = {fact.name for fact in session.facts.inputs if fact.is_float}
    wide = {
        name: _unround(session, name, values) if name in floats and values.dtype.kind in "fiu" else values
        for name, values in batch.items()
    }
    lost = {name: found for name in floats & wide.keys() if (found := _find_most_changed(wide[name]))}
    if not lost:
        return Result(outputs={})
    session.restore()
    details: UnroundedDetails = {"lost": lost}
    return Result(outputs=session.step_as_given(wide), rows=positions, details=details)


def _unround(session: Session, name: str, values: np.ndarray) -> np.ndarray:
    """Return values as float64; those that float32 rounds to one with a meaning of its own are rounded."""
    rounded = values.astype(np.float32).astype(np.float64)
    return np.where(_find_exact(session, name, rounded), rounded, values.astype(np.float64))


def _find_most_changed(values: np.ndarray) -> LostDigits | None:
    """Return the finite number that the cast to float32 changes most; None if it changes none."""
    finite = values[np.isfinite(values)]
    narrow = finite.astype(np.float32).astype(np.float64)
    off = np.abs(narrow - finite)
    if not off.any():
        return None
    most = int(off.argmax())
    return {"given": float(finite[most]), "becomes": float(narrow[most])}


def _change_inputs(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    session = on_float64_copy(session)
    batch, positions = _widen_batch(session, rows)
    exact = {name: _find_exact(session, name, values) for name, values in batch.items()}
    draws = []
    for random in _create_generators(session):
        session.restore()
        changed = {
            name: np.where(exact[name], values, _change(values, random)) for name, values in batch.items()
        }
        # An id names one thing or a different one: it cannot be changed a little.
        draws.append(session.step_as_given(keep_ids(session, batch, changed)))
    return _choose_most_changed(session, batch, positions, draws)


def _find_exact(session: Session, name: str, values: np.ndarray) -> np.ndarray:
    """Return where an input holds a value with a meaning that a value near it does not have.

    A value near the one that the model masks is data, and one below the border of a bin is in another bin.
    Where all values are 0 or 1, they are flags, such as a mask, which arithmetic never changes a little.
    """
    if np.isin(values, (0.0, 1.0)).all():
        return np.ones(values.shape, dtype=bool)
    hints = session.subject.hints
    hint = hints.get(name) or hints.get(ANY_INPUT)
    if hint is None:
        return np.zeros(values.shape, dtype=bool)
    padding = () if hint.padding is None else (hint.padding,)
    return np.isin(values, np.array([*padding, *hint.bounds], np.float32))


def _change_weights(session: Session, rows: Rows) -> Result:
    from keras_consistency_cli.routes.session.float64 import on_float64_copy

    session = on_float64_copy(session)
    batch, positions = _widen_batch(session, rows)
    session.restore()
    variables = [variable for variable in session.model.weights if "float" in str(variable.dtype)]
    saved = [np.asarray(variable.value) for variable in variables]
    draws = []
    try:
        for random in _create_generators(session):
            session.restore()
            for variable, values in zip(variables, saved, strict=True):
                variable.assign(_change(values, random))
            draws.append(session.step_as_given(batch))
    finally:
        session.restore()
    return _choose_most_changed(session, batch, positions, draws)


def _create_generators(session: Session) -> Iterator[np.random.Generator]:
    for draw in range(_FEWEST_DRAWS if session.is_heavy else _DRAWS):
        yield np.random.default_rng((session.options.seed, draw))


def _widen_batch(session: Session, rows: Rows) -> tuple[Rows, np.ndarray]:
    """Return one batch as float64, rounded to the float32 values that the model is fed, and its positions."""
    batch, positions = session.one_batch(rows)
    widened = {
        name: values.astype(np.float32).astype(np.float64) if is_float(values.dtype) else values
        for name, values in batch.items()
    }
    return widened, positions


def _change(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return floats changed by `CHANGE` of themselves, up or down at random."""
    if not is_float(values.dtype):
        return values
    return values * (1.0 + CHANGE * random.choice([-1.0, 1.0], values.shape))


def _choose_most_changed(
    session: Float64Session, batch: Rows, positions: np.ndarray, draws: Sequence[Outputs]
) -> Result:
    """Return the outputs of the draw that differs most from the unchanged copy."""
    session.restore()
    reference = session.step_as_given(batch)
    differences = [
        sum(relative_rms_difference(outputs[name], reference[name]) for name in reference)
        for outputs in draws
    ]
    return Result(
        outputs=draws[int(np.argmax(differences))],
        rows=positions,
        details={"change": CHANGE, "draws": len(draws)},
    )


def _explain_too_many_weights(facts: Facts) -> str | None:
    if facts.parameters <= _MAX_PARAMETERS:
        return None
    return f"{facts.parameters} weights are too many for a random change of each"


CONDITIONING_ROUTES: tuple[Route, ...] = (
    Route(
        name=UNROUNDED,
        summary="the float64 copy on rows that are not rounded to float32",
        run=_keep_rows,
        unavailable=needs_float_input,
        precision="float64",
        placement="float64",
    ),
    Route(
        name="changed-inputs",
        summary="the float64 copy with every input changed by 1e-7 of itself",
        run=_change_inputs,
        unavailable=needs_float_input,
        precision="float64",
        placement="float64",
    ),
    Route(
        name="changed-weights",
        summary="the float64 copy with every weight changed by 1e-7 of itself",
        run=_change_weights,
        unavailable=_explain_too_many_weights,
        precision="float64",
        placement="float64",
    ),
)
