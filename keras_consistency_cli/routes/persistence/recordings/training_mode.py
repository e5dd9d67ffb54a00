"""Whether recorded outputs are those of training mode, as of model(x, training=True).

BatchNormalization then uses the statistics of the batch: the model gives the recorded outputs if it is called
in the same batches. Dropout draws other numbers each time: the recorded outputs then vary around the mean of
many calls as single calls do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from keras_consistency_cli.routes.persistence.recordings.comparing import (
    Adjust,
    are_recorded,
    choose_first,
    varies,
)
from keras_consistency_cli.routes.session.batches import count_rows, join_outputs, split_batches
from keras_consistency_cli.routes.session.distances import same_outputs
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["TrainingMode", "find_training_mode"]

TrainingMode = Literal["", "exact", "random"]
"""How the outputs of training mode are the recorded ones: not, number by number, or by their spread."""

_MIN_ROWS, _MOST_ROWS = 16, 256
_WORK, _MOST_LOOPS = 1e8, 64
"""Multiplications of one run, of which there are a few."""
_CALLS = 12
_SPREAD = (0.7, 1.4)
"""Of the recorded distances from the mean of the calls, in deviations of single calls: 1 is expected."""
_VARYING, _MOST_FIXED = 1e-3, 0.5
"""The least deviation of an output that varies, in deviations over the rows, and the share without it."""


def find_training_mode(session: Session, rows: Rows, recorded: Outputs, adjust: Adjust) -> TrainingMode:
    """Return whether the model in training mode gives the recorded outputs."""
    most = min(_MOST_ROWS, session.facts.rows_for_work(_WORK, fewest=0))
    batch, wanted = choose_first(session, rows, recorded, most)
    is_possible = not session.facts.stateful_layers and session.loop_steps(rows) <= _MOST_LOOPS
    if count_rows(batch) < _MIN_ROWS or not is_possible or not all(map(varies, recorded.values())):
        return ""
    try:
        return _compare_calls(session, batch, wanted, adjust)
    finally:
        session.restore()


def _compare_calls(session: Session, batch: Rows, recorded: Outputs, adjust: Adjust) -> TrainingMode:
    session.restore()
    size = session.batch_size
    first = _call(session, batch, size)
    others = [] if session.facts.batch_size else [_call(session, batch, count_rows(batch))]
    if any(are_recorded(outputs, recorded, adjust) for outputs in (first, *others)):
        return "exact"
    # Nothing is restored between the calls: the seed generators draw other numbers each time.
    calls = [first, _call(session, batch, size)]
    if same_outputs(*calls):
        return ""
    calls += [_call(session, batch, size) for _ in range(_CALLS)]
    vary_alike = all(
        _varies_alike(np.stack([call[name] for call in calls]), values)
        for name, values in adjust(recorded, first).items()
    )
    return "random" if vary_alike else ""


def _call(session: Session, rows: Rows, size: int) -> Outputs:
    return join_outputs([session.call_once(batch, training=True) for batch in split_batches(rows, size)])


def _varies_alike(calls: np.ndarray, recorded: np.ndarray) -> bool:
    """Whether recorded outputs are as far from the mean of the calls as each of these is."""
    if calls.shape[1:] != recorded.shape or not np.isfinite(calls).all():
        return False
    wide = calls.astype(np.float64)
    deviation, mean = wide.std(axis=0, ddof=1), wide.mean(axis=0)
    varying = deviation > _VARYING * float(recorded.std())
    if varying.mean() < _MOST_FIXED:
        return False
    size = np.sqrt(np.mean(((recorded - mean)[varying] / deviation[varying]) ** 2))
    low, high = _SPREAD
    return bool(low <= size <= high)
