"""What is kept of each row of an output: a digest, and the bin of its largest difference."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.measurement.comparison import EDGES, first_digests

__all__ = ["count_by_size", "digest_rows", "flatten_rows"]

Array = npt.NDArray[Any]


def digest_rows(values: Array) -> tuple[int, ...]:
    """Digest the first different rows; rows that differ by less than float32 rounds have the same digest."""
    return first_digests(zlib.crc32(row.astype(np.float32).tobytes()) for row in flatten_rows(values))


def flatten_rows(values: Array) -> Array:
    """Return values of shape (rows, ...) as (rows, values of a row)."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def count_by_size(furthest: Array) -> tuple[int, ...]:
    """Count rows by the size of their largest difference; the bins are those of `EDGES`."""
    bins = np.searchsorted(EDGES, furthest, side="right")
    return tuple(int(count) for count in np.bincount(bins, minlength=len(EDGES) + 1))
