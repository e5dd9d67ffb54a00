"""Batches of predict in which rows get other outputs than alone, or than in other batches.

A rare row may change all others of its batch, or be the only one that its neighbours change. Rows chosen
without looking at the outputs miss both. So the rows are run in several batches, and those that differ most
are taken in the batch in which they do. Whether the neighbours are the reason is for the caller to try.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.session.batches import count_rows, select_rows
from keras_consistency_cli.routes.session.distances import row_differences
from keras_consistency_cli.routes.trace import Outputs, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["AffectedBatch", "affected_batches"]

_MOST_BATCHES = 3
"""Batches of one division of the rows that are returned, those with the rows that differ most."""
_MOST_ROWS = 2
"""Rows of a batch that are returned: one may be the only one that does not react, such as its trigger."""


@dataclass(frozen=True, kw_only=True)
class AffectedBatch:
    """A batch: the positions of its rows, and the places in it of rows that differ, the furthest first."""

    positions: np.ndarray
    places: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Division:
    """One way to divide the rows into batches: their order, and the rows of a batch."""

    order: np.ndarray
    size: int

    def run(self, session: Session, rows: Rows) -> Outputs:
        """Return the outputs in the order of the rows."""
        session.restore()
        outputs = session.steps(select_rows(rows, self.order), self.size)
        back = np.argsort(self.order)
        count = len(self.order)
        return {name: each[back] for name, each in outputs.items() if each.ndim and len(each) == count}

    def furthest(self, differences: np.ndarray) -> Iterator[AffectedBatch]:
        """Yield the batches with the rows that differ most."""
        starts = range(0, len(self.order), self.size)
        batches = [self.order[start : start + self.size] for start in starts]
        batches.sort(key=lambda batch: -differences[batch].max())
        for batch in batches[:_MOST_BATCHES]:
            places = np.argsort(-differences[batch], kind="stable")[:_MOST_ROWS]
            differing = places[differences[batch][places] > 0]
            if len(batch) > 1 and len(differing):
                yield AffectedBatch(positions=batch, places=differing)


def affected_batches(session: Session, rows: Rows) -> Iterator[AffectedBatch]:
    """Yield batches in which rows get other outputs than alone: those of predict, then the furthest.

    A model that cannot run one row is compared with itself in another order.
    """
    predict, *others = _divisions(session, count_rows(rows))
    outputs = _outputs(session, rows, predict)
    alone = _outputs(session, rows, None)
    if outputs is None:
        return
    if alone is not None:
        yield from predict.furthest(row_differences(outputs, alone))
    found = [
        (differences, division)
        for division in others
        if (made := _outputs(session, rows, division)) is not None
        and (differences := row_differences(made, outputs if alone is None else alone)).any()
    ]
    for differences, division in sorted(found, key=lambda each: -each[0].max()):
        yield from division.furthest(differences)
        if alone is None:
            yield from predict.furthest(differences)


def _divisions(session: Session, count: int) -> list[_Division]:
    """Return the divisions into batches: that of predict, one in another order, and other sizes."""
    size, order = min(session.batch_size, count), np.arange(count)
    shuffled = np.random.default_rng(session.options.seed).permutation(count)
    found = [_Division(order=order, size=size), _Division(order=shuffled, size=size)]
    if session.facts.batch_size is None:
        sizes = dict.fromkeys((count, *session.options.sizes))
        found += [_Division(order=order, size=each) for each in sizes if 1 < each <= count and each != size]
    return found


def _outputs(session: Session, rows: Rows, division: _Division | None) -> Outputs | None:
    """Return the outputs in these batches, or of single rows; None if the model refuses them."""
    with suppress(Exception):  # A size that it refuses is reported by the check of batch sizes.
        if division is not None:
            return division.run(session, rows)
        return None if session.facts.batch_size else session.one_by_one(rows)
    return None
