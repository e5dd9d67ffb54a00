"""Which row continues a row of a long series: the next one, or the one at its place in the next batch.

A stateful layer continues row i of a batch in row i of the next batch. Rows of a series that changes slowly
show what they continue: the first time step of such a row is close to the last one of the row before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.distance import is_float
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["LayoutDetails", "measure_row_layout"]

_ROWS = 128


class LayoutDetails(TypedDict, total=False):
    """Median gaps between the end of a row and the start of another, in standard deviations of the start.

    `gap_to_next_row` is that to the next row, `gap_to_next_batch` that to the row at its place in the next
    batch. Both are missing if there are too few rows, or no series of floats.
    """

    gap_to_next_row: float
    gap_to_next_batch: float


def measure_row_layout(session: Session) -> LayoutDetails:
    """Measure the gaps on rows that are spread over the data; generated rows continue nothing."""
    batch, subject = session.batch_size, session.subject
    if subject.sources.data is None or batch < 2:
        return {}
    last = subject.length - batch
    if last < 2:
        return {}
    places = np.unique(np.linspace(0, last - 1, min(_ROWS, last)).astype(np.int64))
    here, following, across = (subject.rows(places + ahead) for ahead in (0, 1, batch))
    pairs = [(_gap(*each, following), _gap(*each, across)) for each in _series(here)]
    if not pairs:
        return {}
    to_row, to_batch = np.median(np.array(pairs), axis=0)
    if not np.isfinite(to_row + to_batch):
        return {}
    return {"gap_to_next_row": float(to_row), "gap_to_next_batch": float(to_batch)}


def _series(rows: Rows) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """The inputs that are series of floats, with the last time step of each row."""
    for name, values in rows.items():
        if values.ndim > 2 and is_float(values.dtype) and np.isfinite(values).all():
            yield name, values[:, -1].astype(np.float64)


def _gap(name: str, ends: npt.NDArray[np.float64], rows: Rows) -> float:
    starts = rows[name][:, 0].astype(np.float64)
    spread = starts.std(axis=0)
    gaps = np.divide(np.abs(starts - ends), spread, out=np.zeros_like(starts), where=spread > 0)
    return float(np.median(gaps[:, spread > 0])) if (spread > 0).any() else 0.0
