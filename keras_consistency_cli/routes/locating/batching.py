"""The route that looks for the layer at which the size of a batch, or a row's place in it, begins to count.

The same rows run in one batch and in others, layer by layer. Kernels round by batch size, so that bits may differ everywhere: a layer is at fault
where rows go in that agree within rounding and come out that do not, or where a batch of another size is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.layer_sketches import beyond_rounding
from keras_consistency_cli.routes.locating.layers import Steps, recorded, told
from keras_consistency_cli.routes.session.batches import count, first, some
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["BATCHING_LOCATORS"]

_MOST = 256


def _batching(session: Session, rows: Rows) -> Result:
    """Where rows first come out otherwise because their batch has another size, or because they stand elsewhere in it."""
    size = min(session.batch_size, count(rows))
    whole = first(rows, size)
    for other, places in _other_batches(session, rows, size):
        shared = np.flatnonzero(places < size)
        base = _run(session, whole, places[shared])
        found = _run(session, other, shared)
        if found.refused is not None:
            here = found.refused
            details = {
                "layer": here.path,
                "kind": here.kind,
                "custom": here.custom,
                "order": len(found) + 1,
                "steps": len(base),
            }
            return Result(outputs={}, details=details)
        at = beyond_rounding(base, found)
        if at is not None:
            return Result(outputs={}, details=told(base, found, at))
    return Result(outputs={})


def _other_batches(session: Session, rows: Rows, size: int) -> Iterator[tuple[Rows, np.ndarray]]:
    """Batches, and where their rows stand in the first one, or behind it: the same rows turned by one and backwards, then other sizes."""
    turned = np.roll(np.arange(size), 1)
    several = [turned, turned[::-1]] if size > 1 else []
    if session.facts.batch_size is None:
        sizes = dict.fromkeys((1, *session.options.sizes, size - 1, min(count(rows), _MOST)))
        several += [np.arange(each) for each in sizes if 0 < each <= count(rows) and each != size]
    for places in several:
        yield some(rows, places), places


def _run(session: Session, batch: Rows, kept: np.ndarray) -> Steps:
    """One eager run as predict makes it, from the state in which the model was loaded, of which these rows count, in this order.

    It ends at the layer that refuses a batch of this size, which the steps then name.
    """
    session.restore()
    with recorded(kept, count(batch)) as steps:
        try:
            session.model.predict_step((session.pack(batch),))
        except Exception:
            if steps.refused is None:
                raise
    return steps


BATCHING_LOCATORS: tuple[Route, ...] = (
    Route(
        name="locate-batching",
        summary="the first layer that heeds the size of the batch or the place in it",
        run=_batching,
    ),
)
