"""The true length of each row, where its owner knows it: one whole number for each row, in a file beside the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.text import clean, shape_text

__all__ = ["open_lengths", "time_steps"]


def time_steps(rows: RowSource, axis: int | None) -> int:
    """Return how many time steps the longest series of these rows has.

    Args:
        rows: the opened data.
        axis: the axis that is time, as the owner says; None means the first one after the rows.

    Raises:
        DataError: no array has such an axis.
    """
    place = axis or 1
    found = [int(array.shape[place]) for array in rows.arrays.values() if array.ndim > place]
    if not found:
        raise DataError(
            f"facts.lengths is given, but data {clean(rows.path)} has no axis {place} that could be time",
            expected="series",
        )
    return max(found)


def open_lengths(path: Path, *, rows: int, steps: int | None) -> np.ndarray:
    """Open a .npy of lengths.

    Args:
        path: the file: one whole number for each row of the data, in their order.
        rows: how many rows the data have.
        steps: the greatest length there can be, None where it is not known.

    Raises:
        UsageError: missing or unreadable.
        DataError: not one whole number for each row, or one that no row can have.
    """
    source = open_rows(path, what="facts.lengths")
    values = next(iter(source.arrays.values()))
    if len(source.arrays) > 1 or values.ndim != 1 or values.dtype.kind not in "iu":
        what = f"facts.lengths {clean(path)} holds {values.dtype} of shape {shape_text(values.shape)}"
        raise DataError(
            what,
            expected="one whole number for each row",
            fix="np.save('lengths.npy', np.asarray(lengths, dtype='int64').ravel())",
        )
    if len(values) != rows:
        raise DataError(
            f"facts.lengths {clean(path)} has {len(values)} lengths, the data have {rows} rows",
            expected="one for each row of the data",
        )
    lengths = np.asarray(values).astype(np.int64)
    wrong = np.flatnonzero(
        (lengths < 1) | (lengths > (steps if steps is not None else np.iinfo(np.int64).max))
    )
    if len(wrong):
        most = "" if steps is None else f" to {steps}, the time steps of the data"
        more = f" (and {len(wrong) - 1} others)" if len(wrong) > 1 else ""
        raise DataError(
            f"facts.lengths {clean(path)}: row {wrong[0]} has length {lengths[wrong[0]]}{more}",
            expected=f"1{most or ' or more'}",
        )
    return lengths
