"""Batches before and after the neighbours of some rows are replaced."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_consistency_cli.measurement.distance import expand_row_mask, is_float
from keras_consistency_cli.routes.calling.neighbours import leaking_batches
from keras_consistency_cli.routes.calling.sized_neighbours import leaking_affected_rows, leaking_sizes
from keras_consistency_cli.routes.session.batches import count_rows, first_batch
from keras_consistency_cli.routes.session.kept_ids import keep_ids
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["NeighbourRun", "compares_rows", "neighbour_runs"]

_ROWS = 8
_MAX_LEAKING_BATCHES = 3
"""Batches that are known to leak and are examined layer by layer."""


class NeighbourRun(NamedTuple):
    """A batch before and after neighbours were replaced, the kept rows, and whether these change."""

    batch: Rows
    replaced: Rows
    kept: np.ndarray
    leaks: bool = False


def neighbour_runs(session: Session, rows: Rows) -> Iterator[NeighbourRun]:
    """Yield the first rows of the data, then batches that are known to leak, rare and large ones too."""
    size = session.facts.batch_size or min(_ROWS, count_rows(rows))
    batch = first_batch(rows, size)
    kept = np.arange(size) == size // 2
    real_rows = {name: _real_rows(values, kept) for name, values in batch.items()}
    unchanged = {name: _roll(values, kept) for name, values in batch.items()}
    copies = {name: _copies(values, kept) for name, values in batch.items()}
    for replaced in (keep_ids(session, unchanged, real_rows), copies):
        yield NeighbourRun(batch, replaced, kept)
    # A leak may reach only a few rows, and come from a few others.
    known = islice(leaking_batches(session, rows), _MAX_LEAKING_BATCHES)
    for leak in chain(known, leaking_affected_rows(session, rows), leaking_sizes(session, rows)):
        yield NeighbourRun(*leak, leaks=True)


def compares_rows(session: Session, rows: Rows) -> bool:
    """Whether an output has a column for each row of the batch, whatever its size."""
    facts = session.facts
    # A declared number of columns does not depend on the batch.
    shapes = [each.shape or (None, None) for each in facts.outputs]
    is_open = not shapes or any(shape[1:2] == (None,) for shape in shapes)
    if facts.batch_size is not None or not is_open or count_rows(rows) < _ROWS:
        return False
    sizes = (_ROWS, _ROWS - 1)
    runs = [session.fresh_step(first_batch(rows, size)) for size in sizes]
    return any(
        all(run[name].shape[:2] == (size, size) for run, size in zip(runs, sizes, strict=True))
        for name in runs[0]
    )


def _roll(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Replace all rows but the kept ones by the row before."""
    return np.where(expand_row_mask(kept, values), values, np.roll(values, 1, axis=0))


def _real_rows(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Replace all rows but the kept ones by different rows of the batch."""
    rows = np.roll(values, 1, axis=0)
    # Whole numbers may be ids in any dtype, and stay as they are.
    if is_float(values.dtype) and bool(np.any(values != np.floor(values))):
        rows = (rows * 1.5 + 1).astype(values.dtype)
    return np.where(expand_row_mask(kept, values), values, rows)


def _copies(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Replace all rows by copies of the kept one."""
    return np.repeat(values[kept], len(values), axis=0)
