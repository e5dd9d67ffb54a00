"""Routes about the state that recurrent layers carry from batch to batch: reset, how long it lasts, and what poisons it."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from keras_consistency_cli.facts import Facts
from keras_consistency_cli.routes.base import Outputs, Result, Route, Rows
from keras_consistency_cli.routes.batches import batches, count
from keras_consistency_cli.text import clean

__all__ = ["STATE_ROUTES", "reset_states"]

_BATCHES = 6
"""Batches over which the memory of a state is followed."""


def reset_states(model: Any) -> None:
    """Reset every stateful layer, nested ones too: `model.reset_states()` is gone from Keras 3."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def _predict_reset(session: Any, rows: Rows) -> Result:
    """The second of two predicts, with a reset in between as users write it."""
    session.predict(rows)
    reset_states(session.model)
    return Result(outputs=session.predict(rows))


def _memory(session: Any, rows: Rows) -> Result:
    """How far answers are from those of a fresh state, batch after batch, and what NaN and a missing batch size do.

    `curve` is the greatest distance in the 1st, 2nd, … batch after the states were other ones, `scale` the greatest answer.
    """
    some = list(islice((batch for batch in batches(rows, session.batch_size) if count(batch) == session.batch_size), _BATCHES))
    session.restore()
    fresh = [session.step(batch) for batch in some]
    session.restore()
    session.step(_turned(some[-1]))
    carried = [session.step(batch) for batch in some]
    steps = next((values.shape[1] for values in some[0].values() if values.ndim > 2), 1)
    details = {
        "steps": int(steps),
        "curve": [_distance(mine, theirs) for mine, theirs in zip(carried, fresh, strict=True)],
        "scale": max(_distance(answers, None) for answers in fresh),
        **_poisoned(session, some[0], fresh[0]),
        "default_predict": _default_predict(session, rows),
    }
    return Result(outputs={}, details=details)


def _turned(batch: Rows) -> Rows:
    """Other rows than these, made of them: floats with their sign turned, others in reverse."""
    return {name: -values if values.dtype.kind == "f" else values[::-1] for name, values in batch.items()}


def _distance(mine: Outputs, theirs: Outputs | None) -> float:
    """The greatest distance over all float outputs, or the greatest value where there is nothing to compare with."""
    found = [0.0]
    for name, values in mine.items():
        if values.dtype.kind == "f":
            apart = values.astype(np.float64) - (theirs[name].astype(np.float64) if theirs is not None else 0.0)
            found.append(float(np.nan_to_num(np.abs(apart), nan=0.0, posinf=0.0).max(initial=0.0)))
    return max(found)


def _poisoned(session: Any, batch: Rows, fresh: Outputs) -> dict[str, Any]:
    """Whether NaN in one batch spoils a clean one after it, and whether a reset heals that; nothing for models without float inputs."""
    if not any(values.dtype.kind == "f" for values in batch.values()):
        return {}
    session.restore()
    session.step({name: np.full_like(values, np.nan) if values.dtype.kind == "f" else values for name, values in batch.items()})
    after = session.step(batch)
    reset_states(session.model)
    healed = session.step(batch)
    return {"poisoned": _is_bad(after) and not _is_bad(fresh), "healed": not _is_bad(healed) and _distance(healed, fresh) == 0.0}


def _is_bad(answers: Outputs) -> bool:
    return any(not np.isfinite(values).all() for values in answers.values() if values.dtype.kind == "f")


def _default_predict(session: Any, rows: Rows) -> str:
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
    return "answers" if rows_out == {count(rows)} else f"{count(rows)} rows with {max(rows_out, default=1)} answers"


def _stateless(facts: Facts) -> str | None:
    return None if facts.stateful_layers else "no layer carries state"


STATE_ROUTES: tuple[Route, ...] = (
    Route(name="predict-reset", summary="the second of two predicts, states reset in between", run=_predict_reset, unavailable=_stateless),
    Route(name="state-memory", summary="how long a state lasts, and what poisons it", run=_memory, unavailable=_stateless),
)
