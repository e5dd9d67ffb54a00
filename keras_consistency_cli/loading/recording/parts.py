"""Recordings of a service: of one file, each role takes its own part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.measurement.recording_layout import LONE, REQUEST, REQUEST_ROWS, parts_of

__all__ = ["find_whole_requests", "is_lone", "select_part"]

Array = npt.NDArray[Any]

_PARTS: Mapping[str, tuple[str, ...]] = {
    "data": ("raw", "served"),
    "reference rows": ("raw", "served"),
    "served rows": ("served",),
    "expected outputs": ("outputs",),
}
"""By what rows are called in messages, the parts that they may come from, the best one first."""


def select_part(arrays: Mapping[str, Array], what: str, label: str) -> dict[str, Array]:
    """Return the arrays of a recording that belong to a role, by their own names.

    Raises:
        DataError: the recording holds none.
    """
    parts = parts_of(arrays)
    part = next((part for part in _PARTS.get(what, ()) if part in parts), None)
    if part is None:
        raise DataError(f"{label} is a recording without {what}", expected="a recording that `record` made")
    start = f"{part}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def find_whole_requests(arrays: Mapping[str, Array], length: int) -> Array | None:
    """Return the number of the request of each row; -1 for rows of a request that was not kept whole."""
    requests, sizes = arrays.get(REQUEST), arrays.get(REQUEST_ROWS)
    if requests is None or sizes is None or requests.shape != (length,) or sizes.shape != (length,):
        return None
    _, position, kept = np.unique(requests, return_inverse=True, return_counts=True)
    return np.where(kept[position] == sizes, requests, -1)


def is_lone(arrays: Mapping[str, Array]) -> bool:
    """Whether the one array of a part has no name of its own."""
    return list(arrays) == [LONE]
