"""Routes about the state that recurrent layers carry from batch to batch: reset, how long it lasts, what poisons it, and what saving does to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.loops import stepped
from keras_consistency_cli.routes.sequences.series import any_length
from keras_consistency_cli.routes.session.batches import batches, count
from keras_consistency_cli.routes.session.state_reset import reset_states
from keras_consistency_cli.routes.trace import Outputs, Result, Rows
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["STATE_ROUTES"]

_BATCHES = 6
"""Batches over which the memory of a state is followed."""
_STEPS = 256
"""Single steps over which it is followed where answers come once for a whole row."""
_SAME_WAY = 1e-3
"""Share of the greatest answer by which single steps may differ from whole rows to stand in for them."""


def _predict_reset(session: Session, rows: Rows) -> Result:
    """The second of two predicts, with a reset in between as users write it."""
    session.predict(rows)
    reset_states(session.model)
    return Result(outputs=session.predict(rows))


def _memory(session: Session, rows: Rows) -> Result:
    """How far answers are from those of a fresh state, step after step, and what NaN and a missing batch size do.

    `curve` is the greatest distance after 1, 2, … times `steps` steps since the states were other ones, `scale` the greatest answer.
    """
    some = list(
        islice(
            (batch for batch in batches(rows, session.batch_size) if count(batch) == session.batch_size),
            _BATCHES,
        )
    )
    session.restore()
    fresh = [session.step(batch) for batch in some]
    session.restore()
    session.step(_turned(some[-1]))
    carried = [session.step(batch) for batch in some]
    steps, curve = _curve(session, some, fresh, carried)
    details = {
        "steps": steps,
        "curve": curve,
        "scale": max(_distance(answers, None) for answers in fresh),
        **_poisoned(session, some[0], fresh[0]),
        "default_predict": _default_predict(session, rows),
    }
    return Result(outputs={}, details=details)


def _curve(
    session: Session, some: Sequence[Rows], fresh: Sequence[Outputs], carried: Sequence[Outputs]
) -> tuple[int, list[float]]:
    """Distances, and how many steps lie between them: by step where there are answers for each or single steps give them, else by batch."""
    length = next((values.shape[1] for values in some[0].values() if values.ndim > 2), 1)
    along = [
        name
        for name, values in fresh[0].items()
        if values.ndim > 2 and values.shape[1] == length and values.dtype.kind == "f"
    ]
    pairs = list(zip(carried, fresh, strict=True))
    if along:
        return 1, [
            _distance(*({name: each[name][:, step] for name in along} for each in pair))
            for pair in pairs
            for step in range(length)
        ]
    return _by_single_steps(session, some, fresh, length) or (
        length,
        [_distance(mine, theirs) for mine, theirs in pairs],
    )


def _by_single_steps(
    session: Session, some: Sequence[Rows], fresh: Sequence[Outputs], length: int
) -> tuple[int, list[float]] | None:
    """The same batches one step at a time, from a fresh and from a used state; None where that is not what whole batches give."""
    names = list(some[0])
    if not all(values.ndim > 2 and values.shape[1] == length for values in some[0].values()):
        return None
    series = {name: np.concatenate([batch[name] for batch in some], axis=1)[:, :_STEPS] for name in names}
    try:
        feeding = any_length(session, some[0], dict.fromkeys(names))
        feeding.restore()
        mine = stepped(feeding, series, names)
        feeding.restore()
        feeding.step(_turned(some[-1]))
        theirs = stepped(feeding, series, names)
    except Exception:
        # A model that takes one length only is followed batch by batch.
        return None
    ends = list(range(length - 1, len(mine[0]), length))
    scale = max(_distance(answers, None) for answers in fresh) or 1.0
    for place, answers in zip(ends, fresh, strict=False):
        pairs = [
            (one[place], other.astype(np.float64)) for one, other in zip(mine, answers.values(), strict=True)
        ]
        if any(
            one.shape != other.shape or np.abs(one - other).max() > _SAME_WAY * scale for one, other in pairs
        ):
            return None
    distances = np.max(
        [
            np.abs(a.astype(np.float64) - b).reshape(len(a), -1).max(axis=1)
            for a, b in zip(mine, theirs, strict=True)
        ],
        axis=0,
    )
    return (1, distances.tolist()) if ends else None


def _saved(session: Session, rows: Rows) -> Result:
    """Save in the middle of a sequence and load: how far the next answers are off (`lost`), and whether handing the states over mends it."""
    from keras_consistency_cli.loading.model.resaving import saved_and_loaded

    one, other = (list(islice(batches(rows, session.batch_size), 2)) * 2)[:2]
    other = other if count(other) == session.batch_size else one
    session.restore()
    session.step(one)
    states = [np.array(state) for state in _states(session.model)]
    copies = saved_and_loaded(session.model, **session.loading)
    try:
        loaded = session.on_copy(next(copies))
    finally:
        copies.close()
    carried, forgotten = session.step(other), loaded.step(other)
    for state, value in zip(_states(loaded.model), states, strict=True):
        state.assign(value)
    details = {
        "lost": _distance(forgotten, carried),
        "copied": _distance(loaded.step(other), carried) == 0.0,
        "scale": _distance(carried, None),
    }
    return Result(outputs={}, details=details)


def _states(model: Any) -> list[Any]:
    """The states of all recurrent layers, in the order of the layers."""
    import keras

    found = [
        state
        for layer in model._flatten_layers()
        if hasattr(layer, "cell")
        for state in keras.tree.flatten(layer.states)
    ]
    return [state for state in found if hasattr(state, "assign")]


def _turned(batch: Rows) -> Rows:
    """Other rows than these, made of them: floats with their sign turned, others in reverse."""
    return {name: -values if values.dtype.kind == "f" else values[::-1] for name, values in batch.items()}


def _distance(mine: Outputs, theirs: Outputs | None) -> float:
    """The greatest distance over all float outputs, or the greatest value where there is nothing to compare with."""
    found = [0.0]
    for name, values in mine.items():
        if values.dtype.kind == "f":
            apart = values.astype(np.float64) - (
                theirs[name].astype(np.float64) if theirs is not None else 0.0
            )
            found.append(float(np.nan_to_num(np.abs(apart), nan=0.0, posinf=0.0).max(initial=0.0)))
    return max(found)


def _poisoned(session: Session, batch: Rows, fresh: Outputs) -> dict[str, Any]:
    """Whether NaN in one batch spoils a clean one after it, and whether a reset heals that; nothing for models without float inputs."""
    if not any(values.dtype.kind == "f" for values in batch.values()):
        return {}
    session.restore()
    session.step(
        {
            name: np.full_like(values, np.nan) if values.dtype.kind == "f" else values
            for name, values in batch.items()
        }
    )
    after = session.step(batch)
    reset_states(session.model)
    healed = session.step(batch)
    return {
        "poisoned": _is_bad(after) and not _is_bad(fresh),
        "healed": not _is_bad(healed) and _distance(healed, fresh) == 0.0,
    }


def _is_bad(answers: Outputs) -> bool:
    return any(not np.isfinite(values).all() for values in answers.values() if values.dtype.kind == "f")


def _default_predict(session: Session, rows: Rows) -> str:
    """What `model.predict(x)` without a batch size does: "answers", or the class of its error."""
    session.restore()
    session.forget_traces()
    try:
        outputs = session.name_outputs(session.model.predict(session.pack(rows, cast=False), verbose=0))
    except Exception as problem:
        return clean(type(problem).__name__)
    finally:
        session.forget_traces()
    rows_out = {len(values) for values in outputs.values() if values.ndim}
    return (
        "answers"
        if rows_out == {count(rows)}
        else f"{count(rows)} rows with {max(rows_out, default=1)} answers"
    )


def _stateless(facts: Facts) -> str | None:
    return None if facts.stateful_layers else "no layer carries state"


STATE_ROUTES: tuple[Route, ...] = (
    Route(
        name="predict-reset",
        summary="the second of two predicts, states reset in between",
        run=_predict_reset,
        unavailable=_stateless,
    ),
    Route(
        name="state-memory",
        summary="how long a state lasts, and what poisons it",
        run=_memory,
        unavailable=_stateless,
    ),
    Route(
        name="state-saved",
        summary="what saving in the middle of a sequence loses",
        run=_saved,
        unavailable=_stateless,
    ),
)
