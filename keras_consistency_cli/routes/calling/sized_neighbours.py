"""Further batches in which the neighbours of some rows are replaced and the rows change.

The check of neighbours runs at the batch size in use and at a small one, on rows chosen without looking at
the outputs. A layer may mix rows in larger batches only: the capacity of an expert, of a buffer or of a
bucket is reached there. Or it mixes them only if a rare row is in the batch. So batches of these sizes, and
the batches in which rows are known to differ, are tried after outputs have been found to depend on the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_consistency_cli.measurement.distance import expand_row_mask, is_float
from keras_consistency_cli.routes.calling.affected_rows import AffectedBatch, affected_batches
from keras_consistency_cli.routes.locating.divergence import MIN_FAULT
from keras_consistency_cli.routes.numerics.operation_shapes import changes_shapes
from keras_consistency_cli.routes.session.batches import (
    count_rows,
    first_batch,
    mark_nonfinite_rows,
    select_rows,
)
from keras_consistency_cli.routes.session.distances import changed_rows, row_differences, same_outputs
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["Leak", "leaking_affected_rows", "leaking_sizes"]

_MOST_FILLERS = 4
"""Rows of other batches are taken from so many places of the data."""


Replaced = tuple[np.ndarray, Rows]
"""A mask of kept rows, and the batch in which all others are replaced."""


class Leak(NamedTuple):
    """The batch before and after neighbours were replaced, and a mask of the kept rows that changed."""

    batch: Rows
    replaced: Rows
    kept: np.ndarray


def leaking_sizes(session: Session, rows: Rows) -> Iterator[Leak]:
    """Yield batches in which rows leak, at most one for each batch size."""
    finite = select_rows(rows, np.flatnonzero(~mark_nonfinite_rows(rows)))
    for size in _further_sizes(session, count_rows(finite)):
        batch = first_batch(finite, size)
        leaking = _leaking_batch(session, batch, _replaced_batches(batch, size))
        if leaking is not None:
            yield leaking


def _further_sizes(session: Session, count: int) -> list[int]:
    """Return the sizes at which predict runs and neighbours were not replaced yet, all rows first."""
    if session.facts.batch_size is not None:
        return []
    sizes = dict.fromkeys((count, session.batch_size, *session.options.sizes))
    return [size for size in sizes if 1 < size <= count and size != session.small_batch]


def leaking_affected_rows(session: Session, rows: Rows) -> Iterator[Leak]:
    """Yield batches in which rows leak, of those in which rows get other outputs than alone.

    Each such row stays in its place, and copies of it and rows of other batches take that of its neighbours.
    """
    for affected in affected_batches(session, rows):
        leaking = _leaking_batch(
            session, select_rows(rows, affected.positions), _other_neighbours(rows, affected)
        )
        if leaking is not None:
            yield leaking


def _leaking_batch(session: Session, batch: Rows, replaced_batches: Iterable[Replaced]) -> Leak | None:
    """Return the first of the replaced batches in which kept rows changed; None if there is none."""
    try:
        before = session.fresh_step(batch)
        if not same_outputs(before, session.fresh_step(batch)):
            return None
        for keep, replaced in replaced_batches:
            outputs = session.fresh_step(replaced)
            leaking = keep & _changed(outputs, before, len(keep))
            if leaking.any():
                is_leak = _is_beyond_rounding(outputs, before, leaking) or not changes_shapes(
                    session, batch, [replaced]
                )
                return Leak(batch, replaced, leaking) if is_leak else None
    except Exception:
        return None  # A size that the model refuses is reported by the check of batch sizes.
    return None


def _is_beyond_rounding(outputs: Outputs, before: Outputs, rows: np.ndarray) -> bool:
    """Whether these rows differ by more than sums over more zeros do, which may round differently."""
    return bool(row_differences(outputs, before)[rows].max(initial=0.0) > MIN_FAULT)


def _other_neighbours(rows: Rows, affected: AffectedBatch) -> Iterator[Replaced]:
    """Yield for each affected row its batch with copies of it, and with rows of others, as neighbours."""
    own, size, count = affected.positions, len(affected.positions), count_rows(rows)
    elsewhere = np.setdiff1d(np.arange(count), own)
    fillers = [np.resize(np.roll(elsewhere, -start), size) for start in range(0, len(elsewhere), size)]
    for place in affected.places:
        keep = np.arange(size) == place
        copies = np.full(size, own[place])
        for filler in (copies, *fillers[:_MOST_FILLERS], np.roll(own, size // 2)):
            yield keep, select_rows(rows, np.where(keep, own, filler))


def _replaced_batches(batch: Rows, size: int) -> Iterator[Replaced]:
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
