"""Batches of further sizes in which the neighbours of some rows are replaced and the rows change.

The check of neighbours runs at the batch size in use and at a small one. A layer may mix rows in larger
batches only: the capacity of an expert, of a buffer or of a bucket is reached there. So these sizes are tried
after the outputs have been found to depend on the batch size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.measurement.distance import expand_row_mask, is_float
from keras_consistency_cli.routes.numerics.operation_shapes import changes_shapes
from keras_consistency_cli.routes.session.batches import (
    count_rows,
    first_batch,
    mark_nonfinite_rows,
    select_rows,
)
from keras_consistency_cli.routes.session.distances import changed_rows, same_outputs
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["leaking_sizes"]


def leaking_sizes(session: Session, rows: Rows) -> Iterator[tuple[Rows, Rows, np.ndarray]]:
    """Yield batches in which rows leak, at most one for each batch size.

    Each is the batch before and after neighbours were replaced, and a mask of the kept rows that changed.
    """
    finite = select_rows(rows, np.flatnonzero(~mark_nonfinite_rows(rows)))
    for size in _further_sizes(session, count_rows(finite)):
        batch = first_batch(finite, size)
        leaking = _leaking_batch(session, batch, size)
        if leaking is not None:
            yield batch, *leaking


def _further_sizes(session: Session, count: int) -> list[int]:
    """Return the sizes at which predict runs and neighbours were not replaced yet, all rows first."""
    if session.facts.batch_size is not None:
        return []
    sizes = dict.fromkeys((count, session.batch_size, *session.options.sizes))
    return [size for size in sizes if 1 < size <= count and size != session.small_batch]


def _leaking_batch(session: Session, batch: Rows, size: int) -> tuple[Rows, np.ndarray] | None:
    """Return the batch with neighbours replaced and the kept rows that changed, None if none does."""
    try:
        before = session.fresh_step(batch)
        if not same_outputs(before, session.fresh_step(batch)):
            return None
        for keep, replaced in _replaced_batches(batch, size):
            leaking = keep & _changed(session.fresh_step(replaced), before, size)
            if leaking.any():
                # Sums over more zeros round differently: this says nothing of a leak.
                return None if changes_shapes(session, batch, [replaced]) else (replaced, leaking)
    except Exception:
        return None  # A size that the model refuses is reported by the check of batch sizes.
    return None


def _replaced_batches(batch: Rows, size: int) -> Iterator[tuple[np.ndarray, Rows]]:
    """Yield masks of kept rows, and batches in which all others are replaced."""
    positions = np.arange(size)
    masks = (positions >= size // 2, positions < size // 2, positions % 2 == 1, positions == size - 1)
    for keep in masks:
        for other in _fillers(batch, size):
            yield (
                keep,
                {name: np.where(expand_row_mask(keep, own), own, other[name]) for name, own in batch.items()},
            )


def _fillers(batch: Rows, size: int) -> Iterator[Rows]:
    """Yield batches of rows to replace others by: other rows, the same row many times, and unlike rows.

    The same row many times over fills one place, such as an expert, and empties all others.
    """
    yield select_rows(batch, np.roll(np.arange(size), size // 2))
    for position in dict.fromkeys((0, size // 4, size // 2, size - 1)):
        yield select_rows(batch, np.full(size, position))
    yield {name: -values if _has_fractions(values) else values[::-1] for name, values in batch.items()}


def _has_fractions(values: np.ndarray) -> bool:
    """Whether an input holds measured numbers, not ids, which may be whole numbers of any dtype."""
    return is_float(values.dtype) and bool(np.any(values != np.floor(values)))


def _changed(outputs: Outputs, before: Outputs, size: int) -> np.ndarray:
    """Return which rows changed in an output that has one row for each."""
    changed = [
        changed_rows(values, before[name])
        for name, values in outputs.items()
        if values.ndim and len(values) == size and values.shape == before[name].shape
    ]
    return np.any(changed, axis=0) if changed else np.zeros(size, bool)
