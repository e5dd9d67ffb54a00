"""The route that searches for a layer that depends on batch size or position.

That is, the output of the layer depends on the size of the batch or on a row's position in it.

The same rows run in several batches, layer by layer. Kernels round by batch size, so that bits may differ
everywhere: a layer is at fault if its inputs agree within rounding and its outputs do not, or if it refuses a
batch of another size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.divergence import first_step_beyond_rounding
from keras_consistency_cli.routes.locating.layers import LocatedLayer, divergence_report, name_step
from keras_consistency_cli.routes.locating.step_recorder import Steps, record_steps
from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BATCHING_LOCATORS"]

_MAX_BATCH = 256


def _batching(session: Session, rows: Rows) -> Result:
    """Locate where outputs first change because the batch has a different size or order."""
    size = min(session.batch_size, count_rows(rows))
    for usual, other in _batch_pairs(session, rows, size):
        shared = np.flatnonzero(np.isin(other, usual))
        reference = _record_run(session, select_rows(rows, usual), other[shared] - usual[0])
        candidate = _record_run(session, select_rows(rows, other), shared)
        found = _faulty_layer(reference, candidate)
        if found:
            return Result(outputs={}, details=found)
    return Result(outputs={})


def _faulty_layer(reference: Steps, candidate: Steps) -> LocatedLayer:
    if candidate.refused is not None:
        return name_step(candidate.refused, len(candidate), len(reference))
    position = first_step_beyond_rounding(reference, candidate)
    return {} if position is None else divergence_report(reference, candidate, position)


def _batch_pairs(session: Session, rows: Rows, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the positions of the rows of a usual batch, and those of a batch to compare with it.

    First the same rows shifted by one and reversed, then other batch sizes. The rows at the end of the
    largest one are at positions that a usual batch does not have.
    """
    usual = np.arange(size)
    shifted = np.roll(usual, 1)
    if size > 1:
        yield from ((usual, shifted), (usual, shifted[::-1]))
    if session.facts.batch_size is None:
        most = min(count_rows(rows), _MAX_BATCH)
        for batch_size in dict.fromkeys((1, *session.options.sizes, size - 1, most)):
            if 0 < batch_size <= count_rows(rows) and batch_size != size:
                yield usual, np.arange(batch_size)
        if most > size:
            yield usual + most - size, np.arange(most)


def _record_run(session: Session, batch: Rows, kept: np.ndarray) -> Steps:
    """Record one eager predict step from the state in which the model was loaded.

    It ends at the layer that refuses a batch of this size, which the steps then name.

    Args:
        session: the model.
        batch: rows.
        kept: the rows that count, in this order.
    """
    session.restore()
    with record_steps(kept, count_rows(batch)) as steps:
        try:
            session.model.predict_step((session.pack(batch),))
        except Exception:
            if steps.refused is None:
                raise
    return steps


BATCHING_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-batching",
        summary="the first layer whose output depends on the batch size or on a row's position in the batch",
        run=_batching,
    ),
)
