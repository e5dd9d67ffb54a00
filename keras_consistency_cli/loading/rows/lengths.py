"""The true length of each row, in a separate file.

It holds one whole number for each row. Rows of different lengths are padded to one shape, and only this file
says where the padding begins.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.measurement.distance import is_integer
from keras_consistency_cli.text import clean, shape_text

__all__ = ["count_time_steps", "open_lengths"]


def count_time_steps(rows: RowSource, axis: int | None) -> int:
    """Return the number of time steps of the longest series in these rows.

    Args:
        rows: the opened data.
        axis: the time axis in the settings; None means the first one after the rows.

    Raises:
        DataError: no array has such an axis.
    """
    time_axis = axis or 1
    counts = [int(array.shape[time_axis]) for array in rows.arrays.values() if array.ndim > time_axis]
    if not counts:
        raise DataError(
            f"facts.lengths is set, but data {clean(rows.path)} has no axis {time_axis} that could be time",
            expected="series",
        )
    return max(counts)


def open_lengths(path: Path, *, rows: int, steps: int | None) -> np.ndarray:
    """Open a .npy of lengths.

    Args:
        path: the file: one whole number for each row of the data, in their order.
        rows: the number of rows in the data.
        steps: the greatest possible length, None if it is not known.

    Raises:
        UsageError: missing or unreadable.
        DataError: not one whole number for each row, or one that no row can have.
    """
    source = open_rows(path, what="facts.lengths")
    values = next(iter(source.arrays.values()))
    if len(source.arrays) > 1 or values.ndim != 1 or not is_integer(values.dtype):
        raise DataError(
            f"facts.lengths {clean(path)} holds {values.dtype} of shape {shape_text(values.shape)}",
            expected="one whole number for each row",
            fix="np.save('lengths.npy', np.asarray(lengths, dtype='int64').ravel())",
        )
    if len(values) != rows:
        raise DataError(
            f"facts.lengths {clean(path)} has {len(values)} lengths, the data have {rows} rows",
            expected="one for each row of the data",
        )
    lengths = np.asarray(values).astype(np.int64)
    _check_range(lengths, steps, path)
    return lengths


def _check_range(lengths: np.ndarray, steps: int | None, path: Path) -> None:
    longest = steps if steps is not None else np.iinfo(np.int64).max
    wrong = np.flatnonzero((lengths < 1) | (lengths > longest))
    if len(wrong):
        upper_limit = " or more" if steps is None else f" to {steps}, the time steps of the data"
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataError(
            f"facts.lengths {clean(path)}: row {wrong[0]} has length {lengths[wrong[0]]}{more}",
            expected=f"1{upper_limit}",
        )
