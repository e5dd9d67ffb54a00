"""Rows copied into memory, one chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.rows.npy import LONE_ARRAY, release
from keras_consistency_cli.loading.rows.source import Array, ArrayName, RowSource
from keras_consistency_cli.measurement.facts import InputFact

__all__ = ["split_into_chunks", "take"]


class RowNumbers(Protocol):
    """Row numbers in order: an array, a range, or what computes them part by part."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> npt.ArrayLike: ...


def split_into_chunks(rows: RowNumbers, size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield row numbers in chunks of `size`; the last chunk may be shorter."""
    for start in range(0, len(rows), size):
        yield np.asarray(rows[start : start + size], dtype=np.int64)


def take(
    source: RowSource,
    names: Mapping[str, ArrayName],
    rows: npt.NDArray[np.int64],
    inputs: Sequence[InputFact] = (),
) -> dict[str, Array]:
    """Copy the numbered rows into memory, by input name: C order, native byte order, writable.

    Args:
        source: the opened data.
        names: the array or the columns for each input, from `match_inputs`.
        rows: row numbers, in the wanted order.
        inputs: whole numbers of a table are int64 for those of them that take whole numbers, as pandas reads
            them; predict would round float64 to float32.
    """
    integers = {
        fact.name for fact in inputs if "int" in fact.dtype and source.holds_integers(names[fact.name])
    }
    is_run = len(rows) > 0 and bool(np.all(np.diff(rows) == 1))
    # A slice reads the file in one pass.
    selection: Any = slice(int(rows[0]), int(rows[-1]) + 1) if is_run else rows
    copies = {}
    for name, array_name in names.items():
        array = source.array(array_name if isinstance(array_name, str) else LONE_ARRAY)
        part = array[selection]
        if not isinstance(array_name, str):
            part = part[..., source.find_columns(array_name)]
        # The headers of a folder do not tell of values that are missing.
        is_whole = name in integers and np.isfinite(part).all()
        dtype = np.dtype(np.int64) if is_whole else array.dtype.newbyteorder("=")
        copies[name] = np.array(part, dtype=dtype, order="C")
        release(array)
    return copies
