"""Routes about the state that recurrent layers carry from batch to batch.

They measure a reset, how long a state lasts, what NaN does to it, and what saving loses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.alignment.row_layout import LayoutDetails, measure_row_layout
from keras_consistency_cli.routes.sequences.loops import run_step_by_step
from keras_consistency_cli.routes.sequences.series import describe_length_error, session_for_any_length
from keras_consistency_cli.routes.session.batches import count_rows, join_outputs, split_batches
from keras_consistency_cli.routes.session.distances import greatest_value
from keras_consistency_cli.routes.session.kept_ids import generate_different_rows, keep_ids
from keras_consistency_cli.routes.session.state_reset import find_states, reset_states
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["FROM_RESET", "STATE_ROUTES", "MemoryDetails", "SavingDetails"]

FROM_RESET = "predict-from-reset"
_BATCHES = 6
"""Batches over which the memory of a state is measured."""
_MAX_STEPS = 256
"""Single time steps over which it is measured, for models with one output per row."""
_STEPS_TOLERANCE = 1e-3
"""Share of the greatest output by which single time steps may differ from whole rows."""


class NanEffect(TypedDict, total=False):
    """Whether NaN in one batch makes the next one NaN, and whether a reset undoes that."""

    poisoned: bool
    healed: bool


class _Curve(TypedDict):
    """The greatest difference after 1, 2, ... times `steps` time steps."""

    steps: int
    curve: list[float]


class MemoryDetails(_Curve, NanEffect, LayoutDetails):
    """Details of the route `state-memory`.

    `scale` is the greatest output, `default_predict` the result of predict without a batch size.
    """

    scale: float
    default_predict: str


class SavingDetails(TypedDict):
    """Details of the route `state-saved`.

    `lost` is the difference of the next outputs, `copied` says whether they are equal once the states were
    copied, `scale` is the greatest output.
    """

    lost: float
    copied: bool
    scale: float


@dataclass(frozen=True, kw_only=True)
class _Memory:
    """The outputs of the same batches, from a fresh state and from a different one."""

    batches: Sequence[Rows]
    fresh: Sequence[Outputs]
    carried: Sequence[Outputs]

    @property
    def scale(self) -> float:
        """The greatest output from a fresh state."""
        return max(greatest_value(outputs) for outputs in self.fresh)

    @property
    def length(self) -> int:
        """Number of time steps of the series."""
        return next((values.shape[1] for values in self.batches[0].values() if values.ndim > 2), 1)


def _predict_after_reset(session: Session, rows: Rows) -> Result:
    """Return the second of two predicts, with a reset in between as users write it."""
    session.predict(rows)
    reset_states(session.model)
    return Result(outputs=session.predict(rows))


def _measure_memory(session: Session, rows: Rows) -> Result:
    """Measure how long a state lasts, and what NaN and a missing batch size do."""
    full = (
        batch for batch in split_batches(rows, session.batch_size) if count_rows(batch) == session.batch_size
    )
    sample = list(islice(full, _BATCHES))
    session.restore()
    fresh = [session.step(batch) for batch in sample]
    session.restore()
    session.step(generate_different_rows(session, sample[-1]))
    memory = _Memory(batches=sample, fresh=fresh, carried=[session.step(batch) for batch in sample])
    details: MemoryDetails = {
        **_measure_curve(session, memory),
        "scale": memory.scale,
        **_measure_nan(session, sample[0], fresh[0]),
        "default_predict": _describe_default_predict(session, rows),
        **measure_row_layout(session),
    }
    return Result(outputs={}, details=details)


def _measure_curve(session: Session, memory: _Memory) -> _Curve:
    """Measure the differences by time step, or by batch if that is impossible."""
    pairs = list(zip(memory.carried, memory.fresh, strict=True))
    names = [
        name
        for name, values in memory.fresh[0].items()
        if values.ndim > 2 and values.shape[1] == memory.length and is_float(values.dtype)
    ]
    if not names:
        by_batch = [_greatest_difference(carried, fresh) for carried, fresh in pairs]
        return _measure_single_steps(session, memory) or {"steps": memory.length, "curve": by_batch}
    curve = [
        _greatest_difference(
            {name: carried[name][:, step] for name in names}, {name: fresh[name][:, step] for name in names}
        )
        for carried, fresh in pairs
        for step in range(memory.length)
    ]
    return {"steps": 1, "curve": curve}


def _measure_single_steps(session: Session, memory: _Memory) -> _Curve | None:
    """Measure the differences one time step at a time.

    Returns:
        None if single time steps do not give the outputs of whole batches.
    """
    names = list(memory.batches[0])
    if not all(values.ndim > 2 and values.shape[1] == memory.length for values in memory.batches[0].values()):
        return None
    series = {
        name: np.concatenate([batch[name] for batch in memory.batches], axis=1)[:, :_MAX_STEPS]
        for name in names
    }
    try:
        copy = session_for_any_length(session, memory.batches[0], names)
        copy.restore()
        fresh = run_step_by_step(copy, series, names)
        copy.restore()
        copy.step(generate_different_rows(copy, memory.batches[-1]))
        carried = run_step_by_step(copy, series, names)
    except Exception as problem:
        # A model that takes one length only is measured by batch.
        describe_length_error(problem)
        return None
    if len(fresh[0]) < memory.length or not _gives_whole_batches(fresh, memory):
        return None
    by_output = [
        np.abs(fresh_steps.astype(np.float64) - carried_steps).reshape(len(fresh_steps), -1).max(axis=1)
        for fresh_steps, carried_steps in zip(fresh, carried, strict=True)
    ]
    return {"steps": 1, "curve": np.max(by_output, axis=0).tolist()}


def _gives_whole_batches(steps: Sequence[np.ndarray], memory: _Memory) -> bool:
    """Whether the last time step of each batch has the output of the whole batch."""
    limit = _STEPS_TOLERANCE * (memory.scale or 1.0)
    last_steps = range(memory.length - 1, len(steps[0]), memory.length)
    for position, outputs in zip(last_steps, memory.fresh, strict=False):
        for values, whole in zip(steps, outputs.values(), strict=True):
            step = values[position]
            if step.shape != whole.shape or np.abs(step - whole.astype(np.float64)).max() > limit:
                return False
    return True


def _measure_saving(session: Session, rows: Rows) -> Result:
    """Save and load in the middle of a sequence."""
    from keras_consistency_cli.loading.model.resaving import save_and_load

    batch, following = (list(islice(split_batches(rows, session.batch_size), 2)) * 2)[:2]
    following = following if count_rows(following) == session.batch_size else batch
    session.restore()
    session.step(batch)
    saved_states = [np.array(state) for state in find_states(session.model)]
    copies = save_and_load(session.model, **session.loading)
    try:
        loaded = session.on_copy(next(copies))
    finally:
        copies.close()
    carried, forgotten = session.step(following), loaded.step(following)
    for state, value in zip(find_states(loaded.model), saved_states, strict=True):
        state.assign(value)
    details: SavingDetails = {
        "lost": _greatest_difference(forgotten, carried),
        "copied": _greatest_difference(loaded.step(following), carried) == 0.0,
        "scale": greatest_value(carried),
    }
    return Result(outputs={}, details=details)


def _greatest_difference(candidate: Outputs, reference: Outputs) -> float:
    """Return the greatest difference of float outputs; NaN and infinity count as 0."""
    return greatest_value(
        {
            name: values.astype(np.float64) - reference[name].astype(np.float64)
            for name, values in candidate.items()
            if is_float(values.dtype)
        }
    )


def _measure_nan(session: Session, batch: Rows, fresh: Outputs) -> NanEffect:
    """Feed a batch of NaN and then a clean one; empty for models without float inputs."""
    nan = {name: np.full_like(v, np.nan) if is_float(v.dtype) else v for name, v in batch.items()}
    spoiled = keep_ids(session, batch, nan)
    if not any(np.isnan(values).any() for values in spoiled.values() if is_float(values.dtype)):
        return {}
    session.restore()
    session.step(spoiled)
    after = session.step(batch)
    reset_states(session.model)
    healed = session.step(batch)
    return {
        "poisoned": _has_nonfinite(after) and not _has_nonfinite(fresh),
        "healed": not _has_nonfinite(healed) and _greatest_difference(healed, fresh) == 0.0,
    }


def _has_nonfinite(outputs: Outputs) -> bool:
    return any(not np.isfinite(values).all() for values in outputs.values() if is_float(values.dtype))


def _describe_default_predict(session: Session, rows: Rows) -> str:
    """Return the result of `model.predict(x)` without a batch size.

    It is "answers" for one output per row, or the class of the error.
    """
    session.restore()
    session.forget_traces()
    try:
        outputs = session.name_outputs(session.model.predict(session.pack(rows, cast=False), verbose=0))
    except Exception as problem:
        return clean(type(problem).__name__)
    finally:
        session.forget_traces()
    output_rows = {len(values) for values in outputs.values() if values.ndim}
    if output_rows == {count_rows(rows)}:
        return "answers"
    return f"{max(output_rows, default=1)} outputs for {count_rows(rows)} rows"


def _explain_no_state(facts: Facts) -> str | None:
    return None if facts.stateful_layers else "no layer carries state"


def _predict_from_reset(session: Session, rows: Rows) -> Result:
    """Predict each batch from the state in which the model was loaded."""
    batches = split_batches(rows, session.facts.batch_size or session.options.batch_size)
    outputs = join_outputs([session.fresh_step(batch) for batch in batches])
    session.restore()
    return Result(outputs=outputs)


STATE_ROUTES: tuple[Route, ...] = (
    Route(
        name=FROM_RESET,
        summary="predict with the states reset before each batch",
        run=_predict_from_reset,
        unavailable=_explain_no_state,
    ),
    Route(
        name="predict-reset",
        summary="the second of two predicts, states reset in between",
        run=_predict_after_reset,
        unavailable=_explain_no_state,
    ),
    Route(
        name="state-memory",
        summary="how long a state lasts, and the effect of NaN on it",
        run=_measure_memory,
        unavailable=_explain_no_state,
    ),
    Route(
        name="state-saved",
        summary="what saving in the middle of a sequence loses",
        run=_measure_saving,
        unavailable=_explain_no_state,
    ),
)
